package sink

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"
)

// suspended leaves a partial of half the data for key in dir, as an earlier run does.
func suspended(t *testing.T, dir, key string, data []byte) {
	t.Helper()
	d, err := Open(dir)
	must(t, err)
	p := begin(t, d, key)
	expect(t, p, `"etag"`, int64(len(data)))
	write(t, p, data[:len(data)/2])
	must(t, p.Suspend())
	must(t, d.Close())
}

func bytesOf(dir, key string) string {
	return filepath.Join(dir, filepath.FromSlash(partialDir), partialName(key))
}

func noteOf(dir, key string) string { return bytesOf(dir, key) + noteExt }

// editNote changes the note of key in a folder.
func editNote(change func(*note)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		text, err := os.ReadFile(noteOf(dir, "key"))
		must(t, err)
		var n note
		must(t, json.Unmarshal(text, &n))
		change(&n)
		text, err = json.Marshal(n)
		must(t, err)
		must(t, os.WriteFile(noteOf(dir, "key"), text, 0o666))
	}
}

// complete writes what is missing of data and commits it as "a".
func complete(t *testing.T, d *Dir, p *partial, data []byte) {
	t.Helper()
	write(t, p, data[p.Offset():])
	if p.Sum() != sumOf(data) {
		t.Errorf("hash of the whole is %s, want %s", p.Sum(), sumOf(data))
	}
	must(t, p.Finish())
	commit(t, d, File{Writer: p, Path: "a"})
}

func TestSuspendedBytesAreTakenUp(t *testing.T) {
	t.Parallel()
	data := content(1, 3*noteFrom)
	tests := []struct {
		name string
		next func(*testing.T, *Dir) *Dir
	}{
		{"by a later run", func(t *testing.T, d *Dir) *Dir { return openDir(t, d.Path()) }},
		{"by the same run", func(_ *testing.T, d *Dir) *Dir { return d }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDir(t, dir)
			p := begin(t, d, "key")
			expect(t, p, `"etag"`, int64(len(data)))
			write(t, p, data[:noteFrom])
			must(t, p.Suspend())

			d = tt.next(t, d)
			p = begin(t, d, "key")
			if p.Offset() != noteFrom || p.Sum() != sumOf(data[:noteFrom]) {
				t.Errorf("offset %d, hash %s", p.Offset(), p.Sum())
			}
			if v, size := p.Resume(); v != `"etag"` || size != int64(len(data)) {
				t.Errorf("resume: %q, %d", v, size)
			}
			write(t, p, data[noteFrom:2*noteFrom])
			must(t, p.Suspend())

			d = tt.next(t, d)
			complete(t, d, begin(t, d, "key"), data)
			wantArchive(t, dir, map[string][]byte{"a": data})
		})
	}
}

func TestBytesAfterTheLastNoteAreCut(t *testing.T) {
	t.Parallel()
	data := content(1, noteEvery+100_000)
	tests := []struct {
		name  string
		leave func(t *testing.T, dir string)
		want  int64
	}{
		{"killed between two notes", func(t *testing.T, dir string) {
			d, err := Open(dir)
			must(t, err)
			p := begin(t, d, "key")
			expect(t, p, "v", int64(len(data)))
			write(t, p, data[:noteEvery])
			write(t, p, data[noteEvery:])
			must(t, p.file.Close())
			must(t, d.Close())
		}, noteEvery},
		{"a longer file than its note says", func(t *testing.T, dir string) {
			suspended(t, dir, "key", data[:2*noteFrom])
			f, err := os.OpenFile(bytesOf(dir, "key"), os.O_WRONLY|os.O_APPEND, 0)
			must(t, err)
			_, err = f.Write(make([]byte, 12345))
			must(t, err)
			must(t, f.Close())
		}, noteFrom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.leave(t, dir)
			d := openDir(t, dir)
			p := begin(t, d, "key")
			if p.Offset() != tt.want {
				t.Errorf("offset %d, want %d", p.Offset(), tt.want)
			}
			if info, err := os.Stat(bytesOf(dir, "key")); err != nil || info.Size() != tt.want {
				t.Errorf("the partial: %v, %v; want %d bytes", info, err, tt.want)
			}
			complete(t, d, p, data)
			wantArchive(t, dir, map[string][]byte{"a": data})
		})
	}
}

func TestBytesThatNothingProvesAreNotTakenUp(t *testing.T) {
	t.Parallel()
	data := content(1, 2*noteFrom)
	noteIs := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.WriteFile(noteOf(dir, "key"), []byte(text), 0o666)) }
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"a byte is altered", func(t *testing.T, dir string) {
			f, err := os.OpenFile(bytesOf(dir, "key"), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte{data[1000] ^ 1}, 1000)
			must(t, err)
			must(t, f.Close())
		}},
		{"bytes are cut off", func(t *testing.T, dir string) { must(t, os.Truncate(bytesOf(dir, "key"), noteFrom-1)) }},
		{"the bytes are empty", func(t *testing.T, dir string) { must(t, os.Truncate(bytesOf(dir, "key"), 0)) }},
		{"the bytes are gone, as between rename and the note's removal", func(t *testing.T, dir string) {
			must(t, os.Remove(bytesOf(dir, "key")))
		}},
		{"the note is gone", func(t *testing.T, dir string) { must(t, os.Remove(noteOf(dir, "key"))) }},
		{"the note is empty", noteIs("")},
		{"the note is torn", noteIs(`{"key":"key","synced":26214`)},
		{"the note is something else", noteIs(`["a"]`)},
		{"the note is of another key", editNote(func(n *note) { n.Key = "other" })},
		{"the note is negative", editNote(func(n *note) { n.Synced = -1 })},
		{"the note says more than there is", editNote(func(n *note) { n.Synced++ })},
		{"the note says less than its hash", editNote(func(n *note) { n.Synced-- })},
		{"the note has no hash", editNote(func(n *note) { n.SHA256 = "" })},
		{"the note says nothing at all", noteIs(`{}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			suspended(t, dir, "key", data)
			tt.damage(t, dir)
			d := openDir(t, dir)
			p := begin(t, d, "key")
			if v, size := p.Resume(); p.Offset() != 0 || v != "" || size != -1 || p.Sum() != sumOf(nil) {
				t.Errorf("took up offset %d, validator %q, size %d, hash %s", p.Offset(), v, size, p.Sum())
			}
			complete(t, d, p, data)
			wantArchive(t, dir, map[string][]byte{"a": data})
		})
	}
}

func TestPartialsThatCannotBeResumedAreNotKept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		validator string
		size      int
	}{
		{"no validator", "", noteEvery + 1},
		{"too short to be worth it", "v", noteFrom - 1},
		{"empty", "v", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDir(t, dir)
			p := begin(t, d, "key")
			expect(t, p, tt.validator, -1)
			write(t, p, content(1, tt.size))
			wantFiles(t, dir, path.Join(partialDir, p.name)) // no note
			must(t, p.Suspend())
			wantFiles(t, dir)
		})
	}
}

func TestKeysDoNotShareAPartial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := content(1, 2*noteFrom)
	suspended(t, dir, "one", data)
	d := openDir(t, dir)
	for _, key := range []string{"", "One", "one ", "one/../one", "two"} {
		p := begin(t, d, key)
		if p.Offset() != 0 {
			t.Errorf("key %q took up the bytes of another", key)
		}
		must(t, p.Discard())
	}
	complete(t, d, begin(t, d, "one"), data)
}

func TestDiscardOfAKeyRemovesWhatAnEarlierRunLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	suspended(t, dir, "key", content(1, 2*noteFrom))
	suspended(t, dir, "other", content(2, 2*noteFrom))
	d := openDir(t, dir)
	must(t, d.Discard("key"))
	must(t, d.Discard("never begun"))
	name := path.Join(partialDir, partialName("other"))
	wantFiles(t, dir, name, name+noteExt)
	if p := begin(t, d, "other"); p.Offset() != noteFrom {
		t.Errorf("offset of the other is %d, want %d", p.Offset(), noteFrom)
	}
}

func TestOpenRemovesUnfinishedNotes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	suspended(t, dir, "key", content(1, 2*noteFrom))
	must(t, os.WriteFile(noteOf(dir, "key")+".new", []byte("half a no"), 0o666))
	d := openDir(t, dir)
	name := path.Join(partialDir, partialName("key"))
	wantFiles(t, dir, name, name+noteExt)
	if p := begin(t, d, "key"); p.Offset() != noteFrom {
		t.Errorf("offset %d, want %d", p.Offset(), noteFrom)
	}
}

func TestSweepRemovesOnlyWhatIsStale(t *testing.T) {
	t.Parallel()
	now := time.Now()
	dir := t.TempDir()
	old, young := now.Add(-staleAfter), now.Add(-staleAfter+time.Hour)
	for key, at := range map[string]time.Time{"old": old, "young": young, "begun": old} {
		suspended(t, dir, key, content(1, 2*noteFrom))
		must(t, os.Chtimes(bytesOf(dir, key), at, at))
		must(t, os.Chtimes(noteOf(dir, key), at, at))
	}
	d := openDir(t, dir)
	p := begin(t, d, "begun")
	must(t, d.Sweep(now))
	var want []string
	for _, key := range []string{"young", "begun"} {
		name := path.Join(partialDir, partialName(key))
		want = append(want, name, name+noteExt)
	}
	wantFiles(t, dir, want...)
	must(t, p.Discard())
	must(t, d.Sweep(now.Add(2*time.Hour)))
	wantFiles(t, dir)
}

// Network storage puts folders of its own everywhere.
func TestForeignFilesAmongThePartialsAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := []string{"@eaDir/thumb", "note.new", "cache.new/x", partialName("key") + "/x", "README"}
	for i, name := range foreign {
		foreign[i] = path.Join(partialDir, name)
		full := filepath.Join(dir, filepath.FromSlash(foreign[i]))
		must(t, os.MkdirAll(filepath.Dir(full), 0o777))
		must(t, os.WriteFile(full, nil, 0o666))
	}
	d := openDir(t, dir)
	must(t, d.Sweep(time.Now().Add(2*staleAfter)))
	wantFiles(t, dir, foreign...)
}
