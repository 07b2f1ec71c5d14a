package cli

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"civitar/fetch"
)

// listing shows workflows page by page.
type listing struct {
	pages iter.Seq2[*fetch.Page, error]
	match func(*fetch.Workflow) bool
	past  func([]*fetch.Workflow) bool // tells that no later page can hold a match
	take  int                          // how many are shown; 0 is all
	after fetch.WorkflowID             // of the first page, only what follows this one

	shown int
}

// rest is where a listing that was not shown whole goes on: at a page, behind one of its
// workflows. A listing that was shown whole has none.
type rest struct {
	cursor string
	after  fetch.WorkflowID
}

// run shows the listing and tells the command for the next page, which begins with words.
func (l *listing) run(s *session, p *printer, words []string) error {
	more, err := l.show(p)
	if err != nil && l.shown == 0 {
		return err // an empty list would be taken for the answer
	}
	if err = errors.Join(err, p.end()); err == nil {
		l.tellMore(s, more, words)
	}
	return err
}

// show writes each page as it comes.
func (l *listing) show(p *printer) (more *rest, err error) {
	var last fetch.WorkflowID
	first := true
	for page, err := range l.pages {
		if err != nil {
			return nil, err
		}
		workflows := page.Workflows
		if first {
			workflows = behind(workflows, l.after)
			last, first = l.after, false
		} else {
			last = ""
		}
		for _, w := range workflows {
			if l.match(w) {
				if l.take > 0 && l.shown == l.take {
					return &rest{page.Cursor, last}, p.flush()
				}
				if err := p.write(workflowRecord(w)); err != nil {
					return nil, err
				}
				l.shown++
			}
			last = w.ID
		}
		if err := p.flush(); err != nil {
			return nil, err
		}
		switch {
		case l.past(page.Workflows):
			return nil, nil
		case l.take > 0 && l.shown == l.take && page.Next != "":
			return &rest{cursor: page.Next}, nil
		}
	}
	return nil, nil
}

// behind is what follows a workflow in a page, or the page where it does not hold it.
func behind(page []*fetch.Workflow, id fetch.WorkflowID) []*fetch.Workflow {
	if i := slices.IndexFunc(page, func(w *fetch.Workflow) bool { return w.ID == id }); i >= 0 && id != "" {
		return page[i+1:]
	}
	return page
}

// tellMore prints the command for the next page.
func (l *listing) tellMore(s *session, more *rest, words []string) {
	if more == nil {
		return
	}
	if more.cursor != "" {
		words = append(words, "--cursor="+more.cursor)
	}
	if more.after != "" {
		words = append(words, "--after="+string(more.after))
	}
	for i, word := range words {
		words[i] = shellWord(word)
	}
	fmt.Fprintf(s.Stderr, "civitar: next page: %s\n", strings.Join(words, " "))
}

// shellWord quotes a word for the shells of Unix: cursors and ids are the server's.
func shellWord(word string) string {
	word = oneLine(word)
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+@,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// workflowLayout is what workflowRecord makes.
func workflowShape() shape {
	return shape{
		fields:  []string{"id", "status", "created", "completed", "nsfw", "tags", "steps", "prompt"},
		columns: []string{"id", "status", "created", "nsfw", "steps", "prompt"},
		few:     []string{"id", "status", "created", "prompt"},
	}
}

func workflowRecord(w *fetch.Workflow) record {
	steps := make([]record, len(w.Steps))
	for i, st := range w.Steps {
		steps[i] = record{{"name", st.Name}, {"type", st.Type}, {"status", st.Status}}
	}
	return record{
		{"id", string(w.ID)}, {"status", w.Status}, {"created", w.Created}, {"completed", w.Completed},
		{"nsfw", w.Level}, {"tags", w.Tags}, {"steps", steps}, {"prompt", w.Prompt},
	}
}
