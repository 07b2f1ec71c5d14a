package bucket

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civitar/manifest"
)

// newPlace is a place in a bucket of a real server, which keeps objects as files in a folder.
func newPlace(t *testing.T) (at Location, folder string) {
	t.Helper()
	if _, err := exec.LookPath("versitygw"); err != nil {
		t.Skip("versitygw is not here: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	folder = t.TempDir()
	must(t, os.Mkdir(filepath.Join(folder, "bkt"), 0o777))
	cmd := exec.Command("versitygw", "--access", "key", "--secret", "secret", "--port", address, "--quiet", "posix", folder)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // paces a look at a condition
		if conn, err := net.Dial("tcp", address); err == nil {
			must(t, conn.Close())
			break
		} else if time.Now().After(deadline) {
			t.Fatal("versitygw does not come up: ", err)
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	at, err = Parse("s3://bkt/p?endpoint=http://" + address)
	must(t, err)
	return at, filepath.Join(folder, "bkt", "p")
}

// besides is another machine's store, which holds the archive, or does not, as it would where
// there are no conditions.
func besides(t *testing.T, at Location) (*Store, error) {
	t.Helper()
	s, err := Open(at, os.Getenv)
	must(t, err)
	owner, err := ownerOf(t.TempDir())
	must(t, err)
	l := &lease{store: s, owner: owner}
	l.terms.PID, l.terms.Host, l.terms.Owner = os.Getpid(), "a machine", owner
	if err := l.takeBeside(context.Background()); err != nil {
		return nil, err
	}
	s.lease = l
	return s, nil
}

func TestLeasesBesideEachOther(t *testing.T) {
	at, folder := newPlace(t)
	a, err := besides(t, at)
	must(t, err)
	var locked *manifest.LockedError
	if _, err := besides(t, at); !errors.As(err, &locked) || locked.Holder.Host != "a machine" {
		t.Fatalf("the second is told %v", err)
	}
	piece := []byte("{}\n")
	must(t, a.Publish("000001.jsonl", 0, piece))
	must(t, a.Publish("000001.jsonl", 0, piece)) // an answer was lost
	if err := a.Publish("000001.jsonl", 0, []byte("[]\n")); !errors.Is(err, errTaken) {
		t.Errorf("over another's lines: %v", err)
	}

	// A lease that could not be renewed in time is renewed while nobody else came.
	a.lease.terms.Until = time.Now().Add(-time.Hour)
	must(t, a.Publish("000001.jsonl", 3, piece))
	if !time.Now().Before(a.lease.terms.Until) {
		t.Error("it is not renewed")
	}
	// Whoever came meanwhile has taken the archive over.
	ago := time.Now().Add(-time.Hour)
	a.lease.terms.Until = ago
	must(t, os.Chtimes(filepath.Join(folder, a.lease.name), ago, ago))
	b, err := besides(t, at)
	must(t, err)
	for range 2 {
		if err := a.Publish("000001.jsonl", 6, piece); err == nil || !strings.Contains(err.Error(), "taken the archive over") {
			t.Errorf("the first goes on: %v", err)
		}
	}
	must(t, b.Publish("000001.jsonl", 6, piece))

	// A lease that cannot be read is somebody's.
	must(t, b.remove(context.Background(), a.lease.name))
	must(t, b.remove(context.Background(), b.lease.name))
	must(t, b.PutText(context.Background(), leaseFile+"-x", []byte("{")))
	if _, err := besides(t, at); !errors.As(err, &locked) {
		t.Errorf("beside one that cannot be read: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
