package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"civitar/fetch"
	"civitar/internal/generation"
	"civitar/manifest"
)

// Where is a condition on workflows and blobs, in the language of expr-lang/expr. The
// fields of [Subject] are its names.
type Where struct {
	text    string
	program *vm.Program
	used    names
}

// Subject is what a condition is about. Texts are empty, and numbers 0, where they are
// not known.
type Subject struct {
	Workflow  string    `expr:"workflow"` // id
	Status    string    `expr:"status"`   // lower-case
	Created   time.Time `expr:"created"`
	Completed time.Time `expr:"completed"`
	Tags      []string  `expr:"tags"`

	Prompt    string   `expr:"prompt"`
	Negative  string   `expr:"negative"`
	Seed      int      `expr:"seed"`
	Steps     int      `expr:"steps"`
	CFG       float64  `expr:"cfg"`
	Sampler   string   `expr:"sampler"`
	Ecosystem string   `expr:"ecosystem"`
	Engine    string   `expr:"engine"`
	Model     string   `expr:"model"`     // the checkpoint
	Resources []string `expr:"resources"` // names of all models used

	Blob     string `expr:"blob"` // id
	Step     string `expr:"step"` // name
	Type     string `expr:"type"` // of the step
	Kind     string `expr:"kind"` // image, video, audio, model, text or other
	Level    string `expr:"level"`
	Size     int    `expr:"size"` // bytes, 0 unless the server tells
	Favorite bool   `expr:"favorite"`
	Feedback string `expr:"feedback"` // liked, disliked or empty

	JSON map[string]any `expr:"json"` // the workflow as answered
}

// WhereError is a condition that makes no sense, and the place in it where that shows.
type WhereError struct {
	Text   string // the line at fault
	Column int    // in it, in characters, from 0
	Reason string
}

func (e *WhereError) Error() string { return e.Reason }

// Place is the text and the column, in characters, at which it is wrong.
func (e *WhereError) Place() (string, int) { return e.Text, e.Column }

// ParseWhere compiles a condition. Its error is a [*WhereError].
func ParseWhere(text string) (*Where, error) {
	program, err := expr.Compile(text, expr.Env(Subject{}), expr.AsBool())
	if err != nil {
		wrong := &WhereError{Text: text, Reason: err.Error()}
		if at := new(file.Error); errors.As(err, &at) {
			wrong.Column, wrong.Reason = at.Column, at.Message
			if lines := strings.Split(text, "\n"); at.Line > 0 && at.Line <= len(lines) {
				wrong.Text = lines[at.Line-1]
			}
		}
		return nil, wrong
	}
	w := &Where{text: text, program: program, used: names{}}
	node := program.Node()
	ast.Walk(&node, w.used)
	return w, nil
}

func (w *Where) String() string { return w.text }

// names are those that stand in a condition.
type names map[string]bool

// Visit takes in a node of the condition.
func (n names) Visit(node *ast.Node) {
	if id, ok := (*node).(*ast.IdentifierNode); ok {
		n[id.Value] = true
	}
}

// decide puts the condition to a blob.
func (w *Where) decide(wf *fetch.Workflow, b fetch.Blob, known Facts) Decision {
	answer, err := expr.Run(w.program, w.subject(wf, b, known))
	if err != nil { // a field that this workflow does not have, as a rule
		if at := new(file.Error); errors.As(err, &at) {
			err = errors.New(at.Message)
		}
		return Decision{State: manifest.Skipped, Reason: "--where cannot be answered", Detail: err.Error()}
	}
	if yes, ok := answer.(bool); !ok || !yes {
		return skip("--where does not hold")
	}
	return Decision{}
}

// subject fills in what the condition asks for; the rest would cost time for nothing.
func (w *Where) subject(wf *fetch.Workflow, b fetch.Blob, known Facts) Subject {
	kind, _ := KindOf(b, known.Media)
	s := Subject{
		Workflow: string(wf.ID), Status: string(wf.Status), Created: wf.Created, Completed: wf.Completed, Tags: wf.Tags, Prompt: wf.Prompt,
		Blob: string(b.ID), Step: b.Step, Type: b.StepType, Kind: string(kind), Level: string(Rating(wf, b, known)),
		Size: int(cmp.Or(known.Size, b.Size, int64(len(b.Data)))), Favorite: b.Favorite, Feedback: b.Feedback,
	}
	if w.used["json"] {
		_ = json.Unmarshal(wf.JSON, &s.JSON) // it was decoded before
	}
	for _, name := range []string{"prompt", "negative", "seed", "steps", "cfg", "sampler", "ecosystem", "engine", "model", "resources"} {
		if w.used[name] {
			s.generation(generation.Parse(wf).Of(b.Step))
			break
		}
	}
	return s
}

func (s *Subject) generation(g generation.Generation) {
	s.Prompt, s.Negative, s.Sampler, s.Ecosystem, s.Engine, s.Model = g.Prompt, g.Negative, g.Sampler, g.Ecosystem, g.Engine, g.Model()
	// What is no number stays 0, as what is missing does.
	_, _ = fmt.Sscan(g.Seed, &s.Seed)
	_, _ = fmt.Sscan(g.Steps, &s.Steps)
	_, _ = fmt.Sscan(g.CFG, &s.CFG)
	for _, r := range g.Resources {
		s.Resources = append(s.Resources, strings.TrimSpace(r.Model+" "+r.Name))
	}
}
