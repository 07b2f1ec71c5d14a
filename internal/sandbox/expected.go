package sandbox

import "time"

// Expected is one result of the account as a perfect archiver would know it, or a blob
// beside the results: a preview of one, a source of its step.
type Expected struct {
	Origin
	Step     string `json:"step"`         // name of the step as listed, also for what is nested in it
	StepType string `json:"stepType"`     // of the innermost step
	Blob     string `json:"blob"`         // id; the last part of the URL for archives and traces; empty for texts
	Of       string `json:"of,omitempty"` // the blob that a preview shows
	Kind     string `json:"kind"`         // image, video, audio, model3d, model, archive, data, trace or text

	// Disposition is one of
	//
	//	deliverable  its bytes can be had
	//	blocked      carries a blockedReason
	//	late         looks deliverable when listed; every other answer carries its blockedReason
	//	placeholder  looks deliverable, leads to the placeholder both ways
	//	hidden       deleted by the user on the site; its bytes can be had
	//	unavailable  available: false in a workflow that has ended
	//	temp         an intermediate or a log; its bytes can be had
	//	gone         said to be available, 404 or 410 everywhere
	//	pending      not there yet; its workflow has not ended
	//	text         the step's output is the result
	//	preview      no result but a small rendering of one, whose fate it shares
	//	input        no result of this workflow: a blob that its step worked on
	Disposition string `json:"disposition"`

	// SHA256 (hex), Size (bytes) and MediaType (by the bytes, not the name)
	// are of what a client ends up with; empty where there is nothing. For a
	// text they are of the step's output as the API writes it, compact.
	SHA256    string `json:"sha256,omitempty"`
	Size      int64  `json:"size,omitempty"`
	MediaType string `json:"mediaType,omitempty"`

	Level  string `json:"level,omitempty"`  // NSFW level as the API writes it beside the blob
	Reason string `json:"reason,omitempty"` // its blockedReason, also where the listing does not tell it
	Minors bool   `json:"minors,omitempty"` // that reason names minors; see Stats
	ByID   bool   `json:"byId,omitempty"`   // only by id with the token; the signed URL leads to the placeholder
	ByName bool   `json:"byName,omitempty"` // the output only names it; there is no blob object

	Hidden   bool   `json:"hidden,omitempty"` // what the user said of it on the site; of a preview, of what it shows
	Favorite bool   `json:"favorite,omitempty"`
	Feedback string `json:"feedback,omitempty"`
}

// Origin is the workflow that something is expected of.
type Origin struct {
	Workflow      string    `json:"workflow"`
	Created       time.Time `json:"created"`
	WorkflowLevel string    `json:"workflowLevel,omitempty"` // as the API writes it
	Tags          []string  `json:"tags,omitempty"`
	Prompt        string    `json:"prompt,omitempty"` // these two wherever they are written down
	Seed          int       `json:"seed,omitempty"`
	Recipe        string    `json:"recipe"`            // the catalogue's name for the workflow
	Deleted       bool      `json:"deleted,omitempty"` // listed, but not readable
}
