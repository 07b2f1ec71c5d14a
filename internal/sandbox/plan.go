package sandbox

import "time"

// plan is a workflow worked out in full, in the account's present state.
type plan struct {
	index        int
	id           string
	recipe       string
	created      time.Time
	started      time.Time
	completed    time.Time
	status       string
	tags         any // []string; null in a few
	search       string
	metadata     any
	transactions any
	cost         any
	level        string
	extra        object
	bare         bool // most documented fields are missing
	deleted      bool
	steps        []*step
	all          []*step // with those inside a repeat; job n belongs to all[n-1]
	blobs        []*blob
	inputs       []input
	archives     []*archive
	traces       []*trace
}

// step is one step of a workflow, possibly inside a repeat.
type step struct {
	typ       string
	name      string
	parent    *step
	job       string
	jobless   bool
	status    string
	started   time.Time
	completed time.Time
	input     any
	metadata  any
	output    any
	text      bool // the output itself is the result
}

// archive is the result of a blobArchive step.
type archive struct {
	step    *step
	number  int
	entries []*blob
	format  string
	expires time.Time
}

// trace is the log of a customComfy step.
type trace struct {
	step   *step
	number int
	key    uint64
}

// give puts a value under a name of the step's input.
func (s *step) give(name string, value any) {
	input, _ := s.input.(object)
	s.input = input.set(name, value)
}

// top is the name of the step as listed in the workflow.
func (s *step) top() string {
	for s.parent != nil {
		s = s.parent
	}
	return s.name
}

func (s *step) jobs() any {
	if s.jobless {
		return nil
	}
	return list{obj("id", s.job, "status", enum(s.status), "startedAt", instant(s.started),
		"completedAt", instant(s.completed), "cost", 8, "estimatedProgressRate", s.progress())}
}

func (s *step) retries() any {
	if s.jobless {
		return nil
	}
	return 0
}

func (s *step) progress() any {
	if s.status == "processing" {
		return 0.4
	}
	return nil
}

// terminal follows the API page, "One: workflow, step, job".
func terminal(status string) bool {
	switch status {
	case "succeeded", "failed", "expired", "canceled":
		return true
	default:
		return false
	}
}

// failed tells what excludeFailed drops.
func failed(status string) bool { return terminal(status) && status != "succeeded" }

// step finds a listed step by name.
func (p *plan) step(name string) *step {
	for _, s := range p.steps {
		if s.name == name {
			return s
		}
	}
	return nil
}
