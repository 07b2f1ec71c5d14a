package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

var gib = flag.Int("gib", 0, "how many GiB TestOneLargeObject puts through (0: a quarter of one)")

const (
	// bucketMode makes the tests' archives lie in a bucket: its value is the gateway's folder
	// and its address, with a blank between them.
	bucketMode = "CIVITAR_TEST_IN_BUCKET"
	theBucket  = "archives"
	accessKey  = "gateway"
	secretKey  = "gateway-s3cr3t"
)

// inBucket has a command look for its archive in the bucket, where the tests run in bucket
// mode. What the bucket holds stands below the archive's path all the same: the gateway
// keeps objects as files.
func inBucket(t testing.TB, args []string) []string {
	t.Helper()
	mode := os.Getenv(bucketMode)
	if mode == "" || len(args) < 2 || !filepath.IsAbs(args[1]) {
		return args
	}
	folder, endpoint, _ := strings.Cut(mode, " ")
	hash := sha256.Sum256([]byte(args[1]))
	prefix := hex.EncodeToString(hash[:8])
	if _, err := os.Lstat(args[1]); err != nil {
		must(t, os.MkdirAll(filepath.Dir(args[1]), 0o777))
		must(t, os.Symlink(filepath.Join(folder, theBucket, prefix), args[1]))
	}
	return append([]string{args[0], place(prefix, endpoint)}, args[2:]...)
}

// place is an archive's in the bucket, or a package's.
func place(prefix, endpoint string) string {
	return "s3://" + theBucket + "/" + prefix + "?endpoint=" + url.QueryEscape(endpoint)
}

// gateway is a real server of the S3 protocol in a process of its own. It keeps objects as
// files.
type gateway struct {
	folder, address string
	cmd             *exec.Cmd
}

func newGateway(t testing.TB) *gateway {
	t.Helper()
	if _, err := exec.LookPath("versitygw"); err != nil {
		t.Skip("versitygw is not here: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gateway{folder: t.TempDir(), address: l.Addr().String()}
	must(t, l.Close())
	must(t, os.Mkdir(filepath.Join(g.folder, theBucket), 0o777))
	t.Cleanup(g.kill)
	g.start(t)
	return g
}

func (g *gateway) endpoint() string { return "http://" + g.address }

// client is another than the program's.
func (g *gateway) client(t testing.TB) *minio.Client {
	t.Helper()
	client, err := minio.New(g.address, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: "us-east-1"})
	must(t, err)
	return client
}

func (g *gateway) start(t testing.TB) {
	t.Helper()
	g.cmd = exec.Command("versitygw", "--access", accessKey, "--secret", secretKey, "--port", g.address, "--quiet", "posix", g.folder)
	must(t, g.cmd.Start())
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // paces a look at a condition
		conn, err := net.Dial("tcp", g.address)
		if err == nil {
			must(t, conn.Close())
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("versitygw does not come up: ", err)
		}
	}
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
}

// machine gives a command the bucket's credentials and a cache folder that is a machine's
// own.
func machine(cmd *exec.Cmd, cache string) *exec.Cmd {
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_EC2_METADATA_DISABLED=true")
	return cmd
}

func onlyOnLinux(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the cache folder is told by XDG_CACHE_HOME, which is Linux's")
	}
}

// TestSuiteOnBucket runs the tests of archives once more, in a process in which they all
// lie in a bucket.
func TestSuiteOnBucket(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	suite := []string{
		"TestArchiveHoldsWhatTheServerDelivers", "TestKilledRunsEndLikeAnUninterruptedOne", "TestSecondRunAsksForOnePage",
		"TestNextRunCompletesWhatHadNotEnded", "TestNextRunFindsNewWorkflows", "TestNextRunTriesFailedBlobsAgain",
		"TestListingThatBreaksOffIsTakenUpAgain", "TestOldestFirstHoldsTheSame", "TestFiltersKeepWhatTheySay", "TestPreviewsAndInputs",
		"TestInterrupts", "TestWrongTokenWritesNothing", "TestTokenThatExpiredLeavesTheArchiveAsItWas",
		"TestSecondRunAtOnceIsToldWhoHoldsTheArchive", "TestSecretsAreWrittenNowhere", "TestStatusTellsWhatIsThere",
		"TestRelayoutThereAndBack", "TestNetworkFaultsEndInTheRightState", "TestEncryptedArchivesTellNothing",
		"TestLevelsThatChangeAreNoticed", "TestSidecarsFollowTheirLevel", "TestHostileNamesStayInside",
		"TestFollowedArchiveKeepsUp", "TestFollowingOutlastsAnOutage",
	}
	g := newGateway(t)
	exe, err := os.Executable()
	must(t, err)
	cmd := machine(exec.Command(exe, "-test.run=^("+strings.Join(suite, "|")+")$", "-test.v", "-test.parallel=4"), t.TempDir())
	cmd.Env = append(append(os.Environ(), cmd.Env...), bucketMode+"="+g.folder+" "+g.endpoint())
	out, err := cmd.CombinedOutput()
	passed := len(regexp.MustCompile(`(?m)^--- PASS`).FindAll(out, -1))
	if err != nil || passed != len(suite) {
		t.Fatalf("%v: %d of %d passed in a bucket\n%s", err, passed, len(suite), out)
	}
	t.Logf("%d tests passed in a bucket", passed)
}

func TestBucketWithoutItsCopy(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 60})
	dest, cache := place("lost/copy", g.endpoint()), t.TempDir()
	first := summaryOf(t, mustRun(t, machine(a.program(t, "archive", dest, "--json", "--rate=0", "--blob-rate=0"), cache), 0))
	must(t, os.RemoveAll(cache))
	asked := a.Stats().Content
	again := summaryOf(t, mustRun(t, machine(a.program(t, "archive", dest, "--json", "--full", "--rate=0", "--blob-rate=0"), cache), 0))
	if again.Known != first.Kept || a.Stats().Content != asked {
		t.Errorf("%d of %d are known, %d blobs were fetched again", again.Known, first.Kept, a.Stats().Content-asked)
	}
	// A copy that is ahead of the bucket, or of another archive, is made anew.
	for _, damage := range []func(string) error{
		func(name string) error { return appendTo(name, "{\"torn") },
		func(name string) error { return os.Truncate(name, 300) },
		func(name string) error { return os.WriteFile(name, nil, 0o666) },
	} {
		segments, err := filepath.Glob(filepath.Join(cache, "civitar", "buckets", "*", ".civitar", "journal", "*.jsonl"))
		if err != nil || len(segments) != 1 {
			t.Fatal(segments, err)
		}
		must(t, damage(segments[0]))
		mustRun(t, machine(a.program(t, "verify", dest), cache), 0)
		mustRun(t, machine(a.program(t, "archive", dest, "--rate=0"), cache), 0)
	}
}

func appendTo(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func TestTwoMachinesOnOneBucket(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 40})
	dest, here, there := place("shared", g.endpoint()), t.TempDir(), t.TempDir()
	archive := func(cache string, args ...string) *exec.Cmd {
		return machine(a.program(t, append([]string{"archive", dest, "--rate=0", "--blob-rate=0"}, args...)...), cache)
	}
	mustRun(t, archive(here, "--limit=3"), 0)
	a.SetFaults(sandbox.Faults{BytesPerSecond: 2000})
	holder := archive(here, "--json")
	out, err := holder.StdoutPipe()
	must(t, err)
	must(t, holder.Start())
	if _, err := out.Read(make([]byte, 1)); err != nil { // it is at work
		t.Fatal(err)
	}
	host, err := os.Hostname()
	must(t, err)
	oneSentence(t, mustRun(t, archive(there), 1), fmt.Sprintf("process %d", holder.Process.Pid), host, "lease")
	mustRun(t, machine(a.program(t, "status", dest), there), 0)
	must(t, holder.Process.Kill())
	_ = holder.Wait()
	a.SetFaults(sandbox.Faults{})

	// The lease of a run that died is not waited for on the machine where it did.
	mustRun(t, archive(here), 0)
	// What another machine goes on with is known to it, and what it adds is known here.
	if s := summaryOf(t, mustRun(t, archive(there, "--json", "--full"), 0)); s.Kept != 0 {
		t.Errorf("the other machine fetched %d blobs again", s.Kept)
	}
	a.Add(5)
	if s := summaryOf(t, mustRun(t, archive(there, "--json"), 0)); s.Kept == 0 {
		t.Error("nothing new was kept")
	}
	if s := summaryOf(t, mustRun(t, archive(here, "--json", "--full"), 0)); s.Kept != 0 {
		t.Errorf("%d blobs were fetched again", s.Kept)
	}
	mustRun(t, machine(a.program(t, "verify", dest, "--read-data"), t.TempDir()), 0)
}

// TestWhoWritesBesideIsStopped: whatever becomes of a lease, two runs never both go on.
func TestWhoWritesBesideIsStopped(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 40})
	dest, here, there := place("fenced", g.endpoint()), t.TempDir(), t.TempDir()
	mustRun(t, machine(a.program(t, "archive", dest, "--limit=3", "--rate=0"), here), 0)
	a.SetFaults(sandbox.Faults{BytesPerSecond: 20000})
	first := machine(a.program(t, "archive", dest, "--json", "--rate=0", "--blob-rate=0"), here)
	out, err := first.StdoutPipe()
	must(t, err)
	var said bytes.Buffer
	first.Stderr = &said
	must(t, first.Start())
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	must(t, os.Remove(filepath.Join(g.folder, theBucket, "fenced", ".civitar", "lease"))) // as if it had run out unnoticed
	a.SetFaults(sandbox.Faults{})
	go func() { _, _ = io.Copy(io.Discard, out) }()
	second := run(t, machine(a.program(t, "archive", dest, "--rate=0", "--blob-rate=0"), there))
	err = first.Wait()
	if second.code == 0 && err == nil && !strings.Contains(said.String(), "another run") {
		t.Logf("the first had nothing more to write")
	} else if second.code != 0 && !strings.Contains(second.stderr, "another run") {
		t.Errorf("the second ended with %d: %s", second.code, second.stderr)
	} else if err != nil && !strings.Contains(said.String(), "another run") {
		t.Errorf("the first ended with %v: %s", err, said.String())
	}
	mustRun(t, machine(a.program(t, "archive", dest, "--rate=0"), there), 0)
	mustRun(t, machine(a.program(t, "verify", dest, "--read-data"), there), 0)
}

func TestBucketFaultsAreToldInOneSentence(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 5})
	expired := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>`)
	}))
	t.Cleanup(expired.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct {
		dest string
		env  string
		code int
		says []string
	}{
		{"s3://absent/x?endpoint=" + g.endpoint(), "", 1, []string{"no such bucket"}},
		{place("x", g.endpoint()), "AWS_SECRET_ACCESS_KEY=wrong", 1, []string{"does not know these credentials"}},
		{place("x", g.endpoint()), "AWS_ACCESS_KEY_ID=nobody", 1, []string{"does not know these credentials"}},
		{place("x", g.endpoint()), "AWS_ACCESS_KEY_ID=", 1, []string{"no credentials were found", "AWS_PROFILE"}},
		{place("x", expired.URL), "", 1, []string{"have expired"}},
		{place("x", closed.URL), "", 1, []string{"cannot be reached"}},
		{"s3://", "", 2, []string{"names no bucket"}},
		{"s3://bkt/p?regoin=x", "", 2, []string{"regoin"}},
		{"s3://key:secret@b/p", "", 2, []string{"credentials do not belong"}},
		{"s3://bkt?endpoint=ftp://h", "", 2, []string{"endpoint"}},
		{"s3://b", "", 2, []string{"can name no bucket"}},
	} {
		for _, command := range []string{"archive", "status", "verify"} {
			cmd := machine(a.program(t, command, c.dest), t.TempDir())
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			r := mustRun(t, cmd, c.code)
			oneSentence(t, r, c.says...)
			if strings.Contains(r.stderr+r.stdout, secretKey) {
				t.Errorf("%s %s tells the secret", command, c.dest)
			}
		}
	}
	oneSentence(t, mustRun(t, machine(a.program(t, "status", place("nothing", g.endpoint())), t.TempDir()), 1), "holds no archive")
}

// TestBucketThatVanishes takes the store away in the middle of a run.
func TestBucketThatVanishes(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 60, Faults: sandbox.Faults{BytesPerSecond: 100000}})
	dest, cache := place("vanishing", g.endpoint()), t.TempDir()
	cmd := machine(a.program(t, "archive", dest, "--json", "--rate=0", "--blob-rate=0"), cache)
	out, err := cmd.StdoutPipe()
	must(t, err)
	var said bytes.Buffer
	cmd.Stderr = &said
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	g.kill()
	a.SetFaults(sandbox.Faults{})
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || strings.Count(said.String(), "civitar: ") != 1 || !strings.Contains(said.String(), "cannot be reached") {
		t.Fatalf("%v: %s", err, said.String())
	}
	g.start(t)
	mustRun(t, machine(a.program(t, "archive", dest, "--rate=0", "--blob-rate=0"), cache), 0)
	mustRun(t, machine(a.program(t, "verify", dest, "--read-data"), cache), 0)
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, a.archive(t, whole), 0)
	sameKept(t, kept(t, filepath.Join(g.folder, theBucket, "vanishing")), kept(t, whole))
}

// TestObjectsTellWhatTheyAre looks at the objects with another client's eyes.
func TestObjectsTellWhatTheyAre(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 30})
	mustRun(t, machine(a.program(t, "archive", place("told", g.endpoint()), "--rate=0", "--blob-rate=0"), t.TempDir()), 0)
	client := g.client(t)
	ctx := context.Background()
	media := map[string]int{}
	for o := range client.ListObjects(ctx, theBucket, minio.ListObjectsOptions{Prefix: "told/", Recursive: true}) {
		must(t, o.Err)
		if strings.Contains(o.Key, "/.civitar/") {
			continue
		}
		info, err := client.StatObject(ctx, theBucket, o.Key, minio.StatObjectOptions{})
		must(t, err)
		object, err := client.GetObject(ctx, theBucket, o.Key, minio.GetObjectOptions{})
		must(t, err)
		data, err := io.ReadAll(object)
		must(t, err)
		if got := info.UserMetadata["Sha256"]; got != sum(data) {
			t.Errorf("%s: stored with SHA-256 %q, it is %s", o.Key, got, sum(data))
		}
		kind, _, _ := strings.Cut(info.ContentType, "/")
		media[kind]++
		if want := map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".json": "application/json", ".mp4": "video/mp4"}[filepath.Ext(o.Key)]; want != "" && info.ContentType != want {
			t.Errorf("%s: %s", o.Key, info.ContentType)
		}
	}
	if media["image"] == 0 || media["application"] == 0 {
		t.Error(media)
	}
}

// TestOneLargeObject puts one large blob through, and looks at the memory that it takes.
func TestOneLargeObject(t *testing.T) {
	onlyOnLinux(t)
	g := newGateway(t)
	size := int64(*gib) << 30
	if size == 0 {
		size = 256 << 20
	}
	server := largeServer(t, size)
	launch, err := rig.NewLauncher(t.TempDir())
	must(t, err)
	a := &account{url: server.URL, token: testToken}
	cmd := machine(a.program(t, "archive", place("large", g.endpoint()), "--rate=0", "--blob-rate=0", "--json"), t.TempDir())
	var out bytes.Buffer
	cmd.Stdout = &out
	usage, err := launch.Run(cmd)
	if err != nil {
		t.Fatal(err, out.String())
	}
	if !strings.Contains(out.String(), fmt.Sprintf(`"size":%d`, size)) {
		t.Fatal(out.String())
	}
	t.Logf("%d MiB through one object: %.0f MB resident at most, %v", size>>20, usage.PeakMB(), usage.Wall.Round(time.Second))
	if usage.PeakMB() > 200 {
		t.Error("more than 200 MB resident")
	}
}

// largeServer lists one workflow with one blob of so many bytes.
func largeServer(t testing.TB, size int64) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("GET /v2/consumer/workflows", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"items":[{"id":"1-1","status":"succeeded","createdAt":"2026-08-10T12:00:00Z","completedAt":"2026-08-10T12:01:00Z","steps":[{"$type":"training","name":"$0",
			"status":"succeeded","output":{"blobs":[{"type":"model","id":"large.safetensors","available":true,"url":"%s/v2/consumer/blobs/content/large?sig=x&exp=2099-01-01T00:00:00Z"}]}}]}],"next":null}`, s.URL)
	})
	mux.HandleFunc("GET /v2/consumer/blobs/content/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Header().Set("Content-Type", "application/octet-stream")
		chunk := bytes.Repeat([]byte("civitar!"), 8<<10)
		for left := size; left > 0; left -= int64(len(chunk)) {
			if _, err := w.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
				return
			}
		}
	})
	return s
}
