package manifest

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// State is what became of a blob. Every blob seen is in exactly one.
type State string

// The states of a blob.
const (
	Kept     State = "kept"     // its bytes are in the archive
	Skipped  State = "skipped"  // left out by a filter or policy; Reason says which
	Withheld State = "withheld" // blocked by the server
	Gone     State = "gone"     // 404, 410, expired, never produced
	Failed   State = "failed"   // tried in vain; tried again by the next run
	Pending  State = "pending"  // not produced yet; asked for again by the next run
)

// States lists all states, in the order in which they are shown.
func States() []State { return []State{Kept, Skipped, Withheld, Gone, Failed, Pending} }

// Line is what one line of the journal says.
type Line interface{ line() }

// Blob is a line about a blob. Times are UTC; Size is in bytes; SHA256 is of the bytes at
// Path, in lower-case hex; Path is slash-separated and relative to the archive.
type Blob struct {
	Time     time.Time `json:"time"`
	Run      string    `json:"run"`
	Workflow string    `json:"workflow"`
	Created  time.Time `json:"created,omitzero"`
	Step     string    `json:"step,omitempty"`
	Type     string    `json:"type,omitempty"`
	Blob     string    `json:"blob"`
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	// Asked is set when the server was asked for the blob itself and its answer led to
	// the state; without it the workflow's listing did.
	Asked  bool   `json:"asked,omitempty"`
	Path   string `json:"path,omitempty"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Media  string `json:"media,omitempty"`
	NSFW   string `json:"nsfw,omitempty"`
	// Role is empty for a result, else RoleInput or RolePreview.
	Role string `json:"role,omitempty"`
	// Plain is set where the file at Path is encrypted: size and hash of what it holds.
	Plain Content `json:"plain,omitzero"`
	// Beside is the file with the prompt and the like that stands beside the one at Path,
	// where there is one.
	Beside Content `json:"beside,omitzero"`
}

// Brief bounds a reason: the server's words can be long.
func Brief(reason string) string {
	const most = 500
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most], "") + "…"
}

// The roles of blobs that are no results.
const (
	RoleInput   = "input"   // what a step was given
	RolePreview = "preview" // a small rendering of a result
)

// Content is what a file holds: its size in bytes, the SHA-256 in lower-case hex, and
// where it has a path of its own, that path.
type Content struct {
	Path   string `json:"path,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// AnyScope stands in a workflow's line for several scopes.
const AnyScope = "*"

// Workflow is a line about a workflow as a run saw it.
type Workflow struct {
	Time      time.Time `json:"time"`
	Run       string    `json:"run"`
	Workflow  string    `json:"workflow"`
	Created   time.Time `json:"created,omitzero"`
	Completed time.Time `json:"completed,omitzero"`
	Status    string    `json:"status"`
	// Open is set while the status is not a terminal one, and when the sidecar was lost:
	// the next run asks for the workflow again.
	Open bool `json:"open,omitempty"`
	// Scope is that of the run (see Coverage), or AnyScope.
	Scope string `json:"scope,omitempty"`
	// Sidecar is the path of the workflow's JSON; Print tells whether it changed.
	Sidecar string `json:"sidecar,omitempty"`
	Print   string `json:"print,omitempty"`
	// Size, in bytes, and SHA256 are of the file at Sidecar; early archives lack them.
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Plain is set where the sidecar is encrypted: size and hash of what it holds.
	Plain Content `json:"plain,omitzero"`
}

// Span is a stretch of the listing, by creation time, whose every blob has ended. Done
// means that it reaches to the listing's end; otherwise Cursor asks for its oldest page.
type Span struct {
	Newest time.Time `json:"newest,omitzero"`
	Oldest time.Time `json:"oldest,omitzero"`
	Cursor string    `json:"cursor,omitempty"`
	Done   bool      `json:"done,omitempty"`
}

// Coverage is a line that says how far the runs of one scope have listed. A scope stands
// for a set of filters; "" is the whole account.
type Coverage struct {
	Time  time.Time `json:"time"`
	Run   string    `json:"run"`
	Scope string    `json:"scope"`
	Spans []Span    `json:"coverage"`
}

// Run is a line about a run that ended. Policy is what it was to keep, absent where that
// was everything.
type Run struct {
	Time    time.Time       `json:"time"`
	Run     string          `json:"run"`
	Scope   string          `json:"scope,omitempty"`
	Policy  json.RawMessage `json:"policy,omitempty"`
	Summary json.RawMessage `json:"summary"`
}

// Filing is a line about how the archive files what it keeps. The latest one counts, and
// an archive without one files as the zero value says.
type Filing struct {
	Time   time.Time `json:"time"`
	Run    string    `json:"run"`
	Filing Files     `json:"filing"`
}

// Files says how files are named, where they go, and what stands beside them. Empty texts
// are the defaults.
type Files struct {
	Layout     string   `json:"layout,omitempty"`     // the template of the names
	Mature     string   `json:"mature,omitempty"`     // "separate" or "encrypt"
	EncryptAll bool     `json:"encryptAll,omitempty"` // what is not mature too
	Recipients []string `json:"recipients,omitempty"` // public keys that files are encrypted to
	Sidecar    string   `json:"sidecar,omitempty"`    // "xmp" or "txt": what stands beside each file
	MTime      string   `json:"mtime,omitempty"`      // "created" or "now"
}

func (Blob) line()     {}
func (Workflow) line() {}
func (Coverage) line() {}
func (Run) line()      {}
func (Filing) line()   {}

// header is the first line of every segment.
type header struct {
	Journal string    `json:"journal"`
	Format  int       `json:"format"`
	Source  string    `json:"source"`
	Created time.Time `json:"created"`
	// Compacted is set where lines were left out of the segment because others, up to that
	// place of the journal, supersede them.
	Compacted position `json:"compacted,omitzero"`
}

const journalName = "civitar"

// anyLine has the fields of all kinds of lines; which of the pointers are set tells the
// kind.
type anyLine struct {
	Journal   *string         `json:"journal"`
	Time      time.Time       `json:"time"`
	Run       string          `json:"run"`
	Workflow  string          `json:"workflow"`
	Created   time.Time       `json:"created"`
	Completed time.Time       `json:"completed"`
	Step      string          `json:"step"`
	Type      string          `json:"type"`
	Blob      *string         `json:"blob"`
	State     State           `json:"state"`
	Reason    string          `json:"reason"`
	Asked     bool            `json:"asked"`
	Path      string          `json:"path"`
	Size      int64           `json:"size"`
	SHA256    string          `json:"sha256"`
	Media     string          `json:"media"`
	NSFW      string          `json:"nsfw"`
	Status    *string         `json:"status"`
	Open      bool            `json:"open"`
	Scope     string          `json:"scope"`
	Sidecar   string          `json:"sidecar"`
	Print     string          `json:"print"`
	Role      string          `json:"role"`
	Plain     Content         `json:"plain"`
	Beside    Content         `json:"beside"`
	Spans     json.RawMessage `json:"coverage"` // of any value, null too
	Policy    json.RawMessage `json:"policy"`
	Summary   json.RawMessage `json:"summary"`
	Filing    *Files          `json:"filing"`
}

// parseLine reads one line. It returns a header, or a Line, or neither for a line of a
// kind that this version does not know.
func parseLine(data []byte) (*header, Line, error) {
	var a anyLine
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, nil, err
	}
	if err := inUTC(&a.Time, &a.Created, &a.Completed); err != nil {
		return nil, nil, err
	}
	switch {
	case a.Journal != nil:
		h := &header{}
		if err := json.Unmarshal(data, h); err != nil {
			return nil, nil, err
		}
		h.Created = a.Created
		return h, nil, nil
	case a.Blob != nil:
		return nil, Blob{Time: a.Time, Run: a.Run, Workflow: a.Workflow, Created: a.Created, Step: a.Step, Type: a.Type,
			Blob: *a.Blob, State: a.State, Reason: a.Reason, Asked: a.Asked, Path: a.Path, Size: a.Size,
			SHA256: a.SHA256, Media: a.Media, NSFW: a.NSFW, Role: a.Role, Plain: a.Plain, Beside: a.Beside}, nil
	case a.Spans != nil:
		c := Coverage{Time: a.Time, Run: a.Run, Scope: a.Scope}
		if err := json.Unmarshal(a.Spans, &c.Spans); err != nil {
			return nil, nil, err
		}
		for i := range c.Spans {
			if err := inUTC(&c.Spans[i].Newest, &c.Spans[i].Oldest); err != nil {
				return nil, nil, err
			}
		}
		return nil, c, nil
	case a.Summary != nil:
		return nil, Run{Time: a.Time, Run: a.Run, Scope: a.Scope, Policy: a.Policy, Summary: a.Summary}, nil
	case a.Filing != nil:
		return nil, Filing{Time: a.Time, Run: a.Run, Filing: *a.Filing}, nil
	case a.Workflow != "" && a.Status != nil:
		return nil, Workflow{Time: a.Time, Run: a.Run, Workflow: a.Workflow, Created: a.Created, Completed: a.Completed,
			Status: *a.Status, Open: a.Open, Scope: a.Scope, Sidecar: a.Sidecar, Print: a.Print,
			Size: a.Size, SHA256: a.SHA256, Plain: a.Plain}, nil
	}
	return nil, nil, nil
}

// inUTC turns times to UTC, and refuses those that could be read but not written.
func inUTC(times ...*time.Time) error {
	for _, t := range times {
		if *t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
			return errors.New("a time out of range")
		}
	}
	return nil
}
