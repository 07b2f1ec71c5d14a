package fetch

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// object asks for one thing: an answer that is no object is an outage. err is what came
// of making the address.
func (c *Client) object(ctx context.Context, op string, u *url.URL, err error) (node, error) {
	if err != nil {
		return node{}, c.invalid(op, err)
	}
	var n node
	err = c.json(ctx, op, http.MethodGet, u, func(raw []byte) error {
		if raw[0] != '{' {
			return &Error{Op: op, Kind: ErrUnavailable, Detail: "the answer holds no object"}
		}
		n = parse(raw)
		return nil
	})
	return n, err
}

// Step asks for one step of a workflow by its name. ErrGone means that there is no such
// workflow, or no such step in it.
func (c *Client) Step(ctx context.Context, id WorkflowID, name string) (*Step, error) {
	op := c.op("get step", name+" of "+string(id))
	u, err := c.workflowURL(id, "/steps/"+url.PathEscape(name))
	if name == "" || name == "." || name == ".." {
		err = noID(name)
	}
	n, err := c.object(ctx, op, u, err)
	if err != nil {
		return nil, err
	}
	step := c.decodeStep(n)
	step.JSON = c.scrubber.scrubJSON(n.raw())
	return &step, nil
}

// Job is one job of the older API, with what the scanners said of it. Its texts, and the
// values of its fields, are scrubbed.
type Job struct {
	ID, Type       string
	Workflow       WorkflowID
	Created        time.Time // UTC; zero when absent or unreadable
	Prompt         string
	NegativePrompt string
	Cost           string  // a number as answered
	Classification []Field // of the prompt
	Results        []JobResult
	Event          JobEvent

	// JSON is the job as answered, as [Workflow].JSON is the workflow.
	JSON json.RawMessage
}

// JobResult is a blob that a job made, or was to make.
type JobResult struct {
	Blob      BlobID
	Available bool
}

// JobEvent is the last thing that happened to a job.
type JobEvent struct {
	Type     Status
	Time     time.Time // UTC; zero when absent or unreadable
	Provider string
	Worker   string
	Duration string  // as answered: hh:mm:ss with fractions
	Context  []Field // the scanners' words and numbers, in the order of the answer
}

// Field is a named value of which the type is the server's choice.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Job asks for one job by its id, in detail (the API page, "One: workflow, step, job").
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	u, err := c.byID("/v1/consumer/jobs/", id, "")
	if err == nil {
		u.RawQuery = "detailed=true"
	}
	answer, err := c.object(ctx, c.op("get job", id), u, err)
	if err != nil {
		return nil, err
	}
	scrubbed := c.scrubber.scrubJSON(answer.raw())
	n := parse(scrubbed)
	inner := n // older answers have no wrapper
	if n.get("job").kind == '{' {
		inner = n.get("job")
	}
	either := func(key string) node { return orAbsent(n.get(key), inner.get(key)) }
	event := either("lastEvent")
	j := &Job{
		ID: inner.name("id"), Type: inner.str("type"), Created: inner.time("createdAt"),
		Workflow: WorkflowID(inner.get("properties").name("workflowId")),
		Prompt:   inner.get("params").str("prompt"), NegativePrompt: inner.get("params").str("negativePrompt"),
		Cost: either("cost").text, Classification: either("promptClassificationResult").fields(), JSON: scrubbed,
		Event: JobEvent{
			Type: statusOf(event.str("type")), Time: event.time("dateTime"), Provider: event.str("provider"),
			Worker: event.name("workerId"), Duration: event.name("jobDuration"), Context: event.get("context").fields(),
		},
	}
	for _, r := range either("result").values() {
		if blob := r.name("blobKey"); blob != "" {
			available, _ := r.flag("available")
			j.Results = append(j.Results, JobResult{BlobID(blob), available})
		}
	}
	return j, nil
}

func orAbsent(a, b node) node {
	if a.kind == 0 {
		return b
	}
	return a
}

// fields are an object's, in its order.
func (n node) fields() []Field {
	if n.kind != '{' {
		return nil
	}
	var all []Field
	for i, key := range n.keys() {
		all = append(all, Field{key, n.values()[i].json()})
	}
	return all
}
