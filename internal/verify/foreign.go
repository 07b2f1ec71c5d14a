package verify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"time"

	"civitar/internal/report"
	"civitar/manifest"
	"civitar/sink"
)

const (
	stateDir    = ".civitar"
	summaryFile = stateDir + "/manifest.json"
	// lookUp is how many paths are asked about at a time.
	lookUp = 500
)

// own are the files that the program itself keeps beside the results; a blank comes out of a
// package that was extracted.
var own = regexp.MustCompile(`^\.civitar/(manifest\.json|verify\.json|exports\.json(\.new)?|retired\.json(\.new)?|blank|lock|index\.db(-wal|-shm|-journal)?|journal/[0-9]{6,9}\.jsonl)$`)

// ours tells paths that are not looked for in the record.
func ours(name string) bool {
	return own.MatchString(name) || sink.IsPartial(name) || report.Is(name) || strings.HasPrefix(name, sink.AsideDir+"/")
}

// dropping tells what desktops leave in every folder that is looked at.
func dropping(name string) bool {
	switch path.Base(name) {
	case ".DS_Store", "Thumbs.db", "desktop.ini":
		return true
	}
	return false
}

// foreign walks the archive and looks for files that the record does not speak of.
func (v *verification) foreign(ctx context.Context) error {
	noted, err := v.Files.Retired(ctx)
	if err != nil {
		v.unreadable(sink.StateDir, err)
		return nil
	}
	retired := make(map[string]bool, len(noted))
	for _, p := range noted {
		retired[p] = true
	}
	var batch []string
	err = v.Files.Each(ctx, func(name string) error {
		if ours(name) || dropping(name) || retired[name] {
			return nil
		}
		batch = append(batch, name)
		if len(batch) < lookUp {
			return nil
		}
		err := v.lookUp(ctx, batch)
		batch = batch[:0]
		return err
	}, v.unreadable)
	if err != nil {
		return err
	}
	return v.lookUp(ctx, batch)
}

func (v *verification) unreadable(dir string, err error) {
	v.find(Finding{Kind: Unreadable, Path: dir, What: err.Error()})
}

// lookUp tells the foreign ones among files. Those that are not recorded are looked for
// again in what the journal says by then, since a run may be adding them.
func (v *verification) lookUp(ctx context.Context, names []string) error {
	names, err := v.unrecorded(ctx, names)
	if err != nil || len(names) == 0 {
		return err
	}
	since, _ := v.unsettled() // asked before the journal: a run that ended in between has written all
	if err := v.audit.Follow(ctx); err != nil {
		return err
	}
	if names, err = v.unrecorded(ctx, names); err != nil {
		return err
	}
	for _, name := range names {
		found := Finding{Kind: Foreign, Path: name, What: "the record does not speak of it"}
		if info, err := v.Files.Stat(ctx, name); err == nil {
			found.Since = info.Changed.UTC().Truncate(time.Millisecond)
		} else if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if since.IsZero() || found.Since.Before(since) {
			v.find(found)
		}
	}
	return nil
}

func (v *verification) unrecorded(ctx context.Context, names []string) ([]string, error) {
	known, err := v.audit.Recorded(ctx, names)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, name := range names {
		if !known[name] {
			left = append(left, name)
		}
	}
	return left, nil
}

// leftovers looks for unfinished downloads that nothing will finish.
func (v *verification) leftovers(ctx context.Context) error {
	since, held := v.unsettled()
	return sink.Leftovers(v.root, func(l sink.Leftover) error {
		if !v.Own && (held || !since.IsZero() && !l.Time.Before(since)) {
			v.unfinished.Add(1)
			return nil
		}
		stale, err := Stale(ctx, l, v.Now(), v.audit.Kept)
		if err != nil {
			return err
		}
		if !stale || v.Staged {
			v.unfinished.Add(1)
			return nil
		}
		v.find(Finding{Kind: Leftover, Path: l.Path, What: "part of a download that no run goes on with", Since: l.Time.UTC().Truncate(time.Millisecond)})
		return nil
	})
}

// Stale tells whether no run goes on with an unfinished download; kept tells of a blob
// whether it is in the archive.
func Stale(ctx context.Context, l sink.Leftover, now time.Time, kept func(ctx context.Context, workflow, blob string) (bool, error)) (bool, error) {
	workflow, blob, ok := strings.Cut(l.Key, "\n")
	if l.Stale(now) || !ok {
		return true, nil
	}
	return kept(ctx, workflow, blob)
}

func (v *verification) readAll(ctx context.Context, name string) ([]byte, error) {
	file, err := v.Files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

// summary checks that manifest.json, where it is there, can be read.
func (v *verification) summary(ctx context.Context) error {
	data, err := v.readAll(ctx, summaryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		v.find(Finding{Kind: Unreadable, Path: summaryFile, What: err.Error()})
		return nil
	}
	var s struct{ Format int }
	if err := json.Unmarshal(data, &s); err != nil || s.Format != manifest.Format {
		v.find(Finding{Kind: Invalid, Path: summaryFile, What: "the summary does not parse"})
	}
	return nil
}
