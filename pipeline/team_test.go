package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"civitar/fetch"
	"civitar/internal/durable"
	"civitar/internal/sandbox"
	"civitar/sink"
)

func fileSum(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Where each connection brings so much and no more, four bring four times as much.
func TestLargeBlobsComeFasterOverSeveralConnections(t *testing.T) {
	t.Parallel()
	took := map[int]time.Duration{}
	for _, segments := range []int{1, 4} {
		onLarge(t, sandbox.Options{Workflows: 1, Large: 128 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
			l.keeps(t, func(c *Config) { c.Segments = segments })
			took[segments] = l.took
			if n := l.most.Load(); n != int64(segments) {
				t.Errorf("%d connections at once, want %d", n, segments)
			}
			if n := l.again(); n > int64(segments)*mega {
				t.Errorf("%d bytes came in vain", n)
			}
			t.Logf("%d connections: %v, %d requests, %d bytes in vain", segments, l.took, l.asked.Load(), l.again())
		})
	}
	if took[1] < 32*time.Second || took[4] > took[1]*4/10 {
		t.Errorf("took %v", took)
	}
}

// Whatever the server does, the bytes are the account's, and hardly any come in vain.
func TestLargeBlobsUnderFaults(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]sandbox.Faults{
		"ranges ignored":             {IgnoreRange: 1},
		"some ranges ignored":        {IgnoreRange: 3},
		"other ranges":               {OtherRange: 1},
		"some other ranges":          {OtherRange: 3},
		"another ETag for a range":   {ChangeEntity: 2},
		"one connection for a blob":  {ContentPerBlob: 1},
		"two connections for a blob": {ContentPerBlob: 2},
		"no ranges":                  {NoRanges: true},
		"no length":                  {NoLength: true},
		"too many requests":          {Blob429: 2},
		"errors":                     {Every5xx: 2},
		"resets":                     {EveryReset: 2},
		"bodies cut short":           {TruncateContent: 2},
		"bodies that stall":          {StallContent: 2},
		"web pages":                  {HTMLContent: 2},
		"URLs that expire":           {ExpireListed: true, TruncateContent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults.BytesPerSecond = 4 * mega
			onLarge(t, sandbox.Options{Workflows: 1, Large: 68 * mega, URLLife: 5 * time.Second, Faults: faults}, func(t *testing.T, l *large) {
				l.keeps(t)
				if n := l.again(); n > mega {
					t.Errorf("%d bytes came in vain", n)
				}
				t.Logf("%v, %d requests, %d connections, %d bytes in vain", l.took, l.asked.Load(), l.most.Load(), l.again())
			})
		})
	}
}

// What is kept is one entity or the other, and never a mixture.
func TestBlobThatIsReplacedUnderWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after  time.Duration
		faults sandbox.Faults
		new    bool // the new one is kept
	}{
		"before there is a second connection":  {500 * time.Millisecond, sandbox.Faults{}, false}, // the first goes on with the old
		"after that, and the first one breaks": {5 * time.Second, sandbox.Faults{TruncateContent: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.faults.BytesPerSecond = 4 * mega
			onLarge(t, sandbox.Options{Workflows: 1, Large: 100 * mega, Faults: c.faults}, func(t *testing.T, l *large) {
				want := map[bool]string{}
				for e := range l.Truth() {
					want[false] = e.SHA256
					time.AfterFunc(c.after, func() { l.Replace(e.Blob) })
				}
				if s, err := l.run(t.Context(), t); err != nil || s.Kept != 1 {
					t.Fatalf("%+v, %v", s, err)
				}
				for e := range l.Truth() {
					want[true] = e.SHA256
					b := l.record.workflows[e.Workflow].Blobs[e.Blob]
					if got := fileSum(t, l.dest+"/"+b.Path); got != b.SHA256 || got != want[c.new] {
						t.Errorf("kept is %s, recorded %s, want %s of %v", got, b.SHA256, want[c.new], want)
					}
				}
			})
		})
	}
}

// A connection that hardly moves any more does not hold up what the others bring.
func TestSlowConnectionIsOvertaken(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]int64{"the first": 1, "the third": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLarge(t, sandbox.Options{Workflows: 1, Large: 128 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
				began := time.Now()
				l.slow = func(nth int64) time.Duration {
					if nth == slow && time.Since(began) > 4500*time.Millisecond {
						return 2 * time.Second // for 32 KiB at most
					}
					return 0
				}
				l.keeps(t)
				if l.took > 25*time.Second {
					t.Errorf("took %v; a single connection takes 32 s", l.took)
				}
				t.Logf("%v, %d requests, %d bytes in vain", l.took, l.asked.Load(), l.again())
			})
		})
	}
}

// Where another connection brings no more, it ends, and the bytes come in their order again.
// The limit is one for all.
func TestConnectionsThatBringNothingEnd(t *testing.T) {
	t.Parallel()
	const size = 200 * mega
	took := map[int]time.Duration{}
	for _, segments := range []int{1, 4} {
		onLarge(t, sandbox.Options{Workflows: 1, Large: size}, func(t *testing.T, l *large) {
			watch := &apartSink{}
			l.keeps(t, func(c *Config) {
				watch.Sink = c.Sink
				c.Sink, c.Segments, c.Bandwidth = watch, segments, 16*mega
			})
			took[segments] = l.took
			if n, apart := l.most.Load(), watch.bytes.Load(); n != int64(min(segments, 2)) || apart > size/2 || (apart > 0) != (segments > 1) {
				t.Errorf("%d connections at once, %d bytes out of their order", n, apart)
			}
			if l.took < 12*time.Second {
				t.Errorf("%v for 200 MiB at 16 MiB/s", l.took)
			}
		})
	}
	if took[4] > took[1]+took[1]/50 {
		t.Errorf("took %v", took)
	}
}

// apartSink counts the bytes that come out of their order.
type apartSink struct {
	Sink
	bytes atomic.Int64
}

func (s *apartSink) Begin(key string) (sink.Writer, error) {
	w, err := s.Sink.Begin(key)
	return &apartWriter{w.(Ranger), s}, err
}

func (s *apartSink) Commit(ctx context.Context, files []sink.File) error {
	for i, f := range files {
		files[i].Writer = f.Writer.(*apartWriter).Ranger
	}
	return s.Sink.Commit(ctx, files)
}

type apartWriter struct {
	Ranger
	sink *apartSink
}

func (w *apartWriter) At(offset int64) io.Writer {
	return apartCounter{w.Ranger.At(offset), w.sink}
}

type apartCounter struct {
	io.Writer
	sink *apartSink
}

func (c apartCounter) Write(b []byte) (int, error) {
	c.sink.bytes.Add(int64(len(b)))
	return c.Writer.Write(b)
}

// However many blobs are large, there are no more connections than transfers.
func TestConnectionsAreTransfers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		onLarge(t, sandbox.Options{Workflows: 4, Large: 68 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
			l.keeps(t, func(c *Config) { c.Workers = workers })
			if n := l.most.Load(); n != int64(workers) {
				t.Errorf("%d connections at once, want %d", n, workers)
			}
			if workers == 1 && l.asked.Load() != 4 {
				t.Errorf("%d requests for 4 blobs", l.asked.Load())
			}
			t.Logf("%d transfers: %v, %d requests, %d bytes in vain", workers, l.took, l.asked.Load(), l.again())
		})
	}
}

// A run that is cut off leaves what each connection has brought, and the next one fetches
// the rest.
func TestCutOffBlobGoesOnWhereEachConnectionWas(t *testing.T) {
	t.Parallel()
	onLarge(t, sandbox.Options{Workflows: 1, Large: 128 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
		for range 3 {
			drain := make(chan struct{})
			time.AfterFunc(2500*time.Millisecond, func() { close(drain) })
			s, err := l.run(t.Context(), t, func(c *Config) { c.Drain, c.Grace = drain, time.Second })
			if err != nil || !s.Interrupted || s.Unfinished != 1 {
				t.Fatalf("%+v, %v", s, err)
			}
		}
		before := l.Stats().ContentBytes
		l.keeps(t)
		t.Logf("%d MiB came before, %d bytes in vain", before/mega, l.again())
		if n := l.again(); n > mega {
			t.Errorf("%d bytes came in vain", n)
		}
	})
}

// What an earlier run has brought out of its order serves one that has a single connection.
func TestOneConnectionGoesOnWhereSeveralWere(t *testing.T) {
	t.Parallel()
	onLarge(t, sandbox.Options{Workflows: 1, Large: 128 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(6*time.Second, cancel)
		if s, _ := l.run(ctx, t); s.Kept != 0 {
			t.Fatalf("%+v", s)
		}
		l.most.Store(0)
		l.keeps(t, func(c *Config) { c.Segments = 1 })
		if n := l.most.Load(); n != 1 {
			t.Errorf("%d connections at once", n)
		}
		if n := l.again(); n > mega {
			t.Errorf("%d bytes came in vain", n)
		}
	})
}

// sealing stands for encryption.
type sealing struct{}

func (sealing) Seal(dst io.Writer) (io.WriteCloser, error) { return sealer{dst}, nil }

type sealer struct{ io.Writer }

func (sealer) Close() error { return nil }

func TestSealedBlobsComeOverOneConnection(t *testing.T) {
	t.Parallel()
	onLarge(t, sandbox.Options{Workflows: 1, Large: 96 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
		l.keys = sealing{}
		l.keeps(t, func(c *Config) { c.Filing.EncryptAll = true })
		if l.asked.Load() != 1 {
			t.Errorf("%d requests", l.asked.Load())
		}
	})
}

// What is not worth a second connection, or not safe, does not get one.
func TestWhatOneConnectionBrings(t *testing.T) {
	t.Parallel()
	dir, err := sink.Open(t.TempDir(), sink.WithSealer(sealing{}))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	good := fetch.Body{Size: teamFrom, Validator: `"v"`, Parts: true}
	for name, c := range map[string]struct {
		change func(*fetch.Body, *run, *job)
		sealed bool
		want   bool
	}{
		"a large blob":                  {change: func(*fetch.Body, *run, *job) {}, want: true},
		"a small blob":                  {change: func(b *fetch.Body, _ *run, _ *job) { b.Size-- }},
		"of unknown size":               {change: func(b *fetch.Body, _ *run, _ *job) { b.Size = -1 }},
		"no validator":                  {change: func(b *fetch.Body, _ *run, _ *job) { b.Validator = "" }},
		"a server without ranges":       {change: func(b *fetch.Body, _ *run, _ *job) { b.Parts = false }},
		"a server that refused a range": {change: func(_ *fetch.Body, _ *run, j *job) { j.alone = true }},
		"one segment":                   {change: func(_ *fetch.Body, r *run, _ *job) { r.Segments = 1 }},
		"no segments":                   {change: func(_ *fetch.Body, r *run, _ *job) { r.Segments = 0 }},
		"a source without parts":        {change: func(_ *fetch.Body, r *run, _ *job) { r.Source = &fakeSource{} }},
		"a file that is encrypted":      {change: func(*fetch.Body, *run, *job) {}, sealed: true},
	} {
		begin := dir.Begin
		if c.sealed {
			begin = dir.BeginSealed
		}
		file, err := begin(name)
		if err != nil {
			t.Fatal(err)
		}
		body, j, r := good, &job{}, newRun(Config{Source: &fetch.Client{}, Segments: 4}.withDefaults())
		c.change(&body, r, j)
		if err := file.Expect(body.Validator, body.Size); err != nil {
			t.Fatal(err)
		}
		if got := r.team(j, file, &body); (got != nil) != c.want {
			t.Errorf("%s: a team %v, want %v", name, got != nil, c.want)
		}
		if err := file.Discard(); err != nil {
			t.Error(err)
		}
	}
}

// A disk that breaks ends all connections, and the run.
func TestBrokenDiskEndsAllConnections(t *testing.T) {
	t.Parallel()
	for _, op := range []durable.Op{durable.Write, durable.Sync} {
		onLarge(t, sandbox.Options{Workflows: 1, Large: 128 * mega, Faults: sandbox.Faults{BytesPerSecond: 4 * mega}}, func(t *testing.T, l *large) {
			began := time.Now()
			l.disk = func(at durable.Op, name string) error {
				if at == op && time.Since(began) > 5500*time.Millisecond {
					return errDisk
				}
				return nil
			}
			l.slow = func(nth int64) time.Duration {
				if nth == 1 && time.Since(began) > 5*time.Second {
					return time.Minute // the others' fault ends its waiting
				}
				return 0
			}
			s, err := l.run(t.Context(), t)
			if !errors.Is(err, errDisk) || s.Kept != 0 || l.took > 30*time.Second {
				t.Errorf("%s: %+v, %v, took %v", op, s, err, l.took)
			}
			l.disk, l.slow = nil, nil
			l.keeps(t)
		})
	}
}
