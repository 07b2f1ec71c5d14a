package fetch

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// WorkflowID names a workflow. It is opaque text: never parsed for meaning, never
// trusted as a file name (the API page, "One: workflow, step, job").
type WorkflowID string

// BlobID names a blob, opaque like a [WorkflowID]. It often ends in a file
// extension, which can lie.
type BlobID string

// Status of a workflow or step, always lower-case; "" when the server gave none.
type Status string

// Ended reports whether the status is terminal. A status this version does not know
// is not (the API page, "One: workflow, step, job").
func (s Status) Ended() bool {
	switch s {
	case "succeeded", "failed", "expired", "canceled", "cancelled", "deleted":
		return true
	}
	return false
}

// Failed reports whether the status is terminal and no success.
func (s Status) Failed() bool { return s.Ended() && s != "succeeded" }

// Level is the rating of a workflow or blob, lower-case: pg, pg13, r, x, xxx, na, or
// "" when absent. Neither "na" nor "" means safe (the API page, "NSFW levels").
type Level string

// Mature reports whether the level is r or above.
func (l Level) Mature() bool {
	switch l {
	case "r", "x", "xxx":
		return true
	}
	return false
}

func statusOf(s string) Status { return Status(strings.ToLower(strings.TrimSpace(s))) }
func levelOf(s string) Level   { return Level(strings.ToLower(strings.TrimSpace(s))) }

// Workflow is one workflow as the server told it, reduced to what archiving needs;
// JSON holds the rest. It carries no secret but the blobs' URLs, which redact
// themselves.
type Workflow struct {
	ID                 WorkflowID
	Created, Completed time.Time // UTC; zero when absent or unreadable
	Status             Status    // "deleted" when the server gives a deletion time
	Level              Level
	Tags               []string
	Prompt             string   // wherever it was found, scrubbed; "" when there is none
	Steps              []Step   // as listed; those inside a repeat are not among them
	Blobs              []Blob   // every result of every step, in document order, each id once
	Inputs             []Blob   // what the steps worked on, where it is the server's own and no result above, each id once
	Errors             []string // the steps' output.errors, word for word but scrubbed

	// JSON is the workflow as answered: unknown fields, key order and number literals
	// are kept, signed queries and the client's token are not. Safe to write down.
	JSON json.RawMessage
}

// Step is one step of a workflow (the API page, "One: workflow, step, job").
type Step struct {
	Name   string // "$0" and the like, or what its author chose; "" when the server gave none
	Type   string // the step's $type as given
	Status Status

	// JSON is the step as answered, as [Workflow].JSON is the workflow. Only [Client.Step]
	// fills it in.
	JSON json.RawMessage
}

// Blob is one result of a workflow's step (the API page, "Where blobs hide in a
// step's output").
type Blob struct {
	ID         BlobID
	Step       string // name of the step, unique in its workflow; "$0-1" is the second step repeated by "$0"
	StepType   string // the step's $type as given
	StepStatus Status
	Kind       string // the blob's own type, lower-case, "" if absent; of inline data its sort, of texts "text"
	Level      Level

	URL     SignedURL // secret; "" when the server gave none
	Expires time.Time // when URL expires, UTC; zero if unknown

	Preview        SignedURL // secret, of a small rendering; "" when the server gave none. See PreviewOf
	PreviewExpires time.Time // as Expires

	Available bool
	Blocked   string // the server's reason for blocking it, scrubbed
	Hidden    bool   // the user deleted it on the site
	Favorite  bool
	Feedback  string // "liked", "disliked" or ""

	Temp      bool  // an intermediate or a trace, not a result proper
	Elsewhere bool  // kept in an older store that this API does not serve
	Size      int64 // bytes as announced, 0 unknown

	Data      []byte // the bytes themselves, when they came inside the workflow
	MediaType string // of Data
	Text      bool   // a text result: Data is the step's output as indented JSON

	nameless bool // ID is made up: only URL can be asked
}

// Query selects the workflows of a listing (the API page, "Listing"). The zero value
// asks for all of them, newest first.
type Query struct {
	Tags          []string  // all of them must match
	Text          string    // searched in the metadata
	From, To      time.Time // creation time, inclusive; zero means no bound
	ExcludeFailed bool
	Ascending     bool
	HideMature    bool   // mature blobs are listed as not available
	Cursor        string // where to go on, from Page.Next; "" for the start
	Take          int    // workflows a page, at most 1000; 0 leaves it to the server
}

// Page is one answer of a listing.
type Page struct {
	Cursor    string // the cursor that asked for this page
	Next      string // the cursor of the next page, "" at the end
	Workflows []*Workflow
}

// Location is a place where Open finds a blob's bytes. It is good for a while only;
// do not keep it across runs.
type Location struct {
	URL  SignedURL // secret
	Blob BlobID

	// Private marks an address of the API itself that answers to the token only. Open
	// sends the token there if, and only if, URL is at the API's own origin.
	Private bool

	// Level is what the server said of the blob on the way here, "" if it said nothing. It
	// can be another than the listing's.
	Level Level

	at *url.URL // of URL, where Resolve has it
}

// Resume tells Open what the caller already has.
type Resume struct {
	Offset    int64  // bytes already there; 0 starts at the beginning
	Validator string // Body.Validator of the answer they came from; "" forces a start over
	Size      int64  // whole size as known then, in bytes; -1 (or 0) unknown
}

// Pace is how fast a client may ask at the moment, in requests a second; 0 means
// without limit.
type Pace struct {
	API, Blob float64
	Throttled bool // slower than configured, or paused by the server
	// Limited is how many answers said that requests come too fast (429), so far.
	Limited int64
}
