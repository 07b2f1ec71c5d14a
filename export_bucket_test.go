package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

// TestPackagesInABucket are what they are on a disk.
func TestPackagesInABucket(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a, dest := exportedArchive(t, 40)
	dir, cache := t.TempDir(), t.TempDir()
	there := filepath.Join(g.folder, theBucket, "exports")
	for _, args := range [][]string{
		{"a.zip"}, {"a.tar"}, {"{series}.tar.zst", "--series=a b%"}, {"a.csv"}, {"a.jsonl"}, {"bag.zip", "--format=bagit"}, {"split.tar", "--split=1MiB"},
	} {
		flags := append([]string{"export", dest}, args[1:]...)
		mustRun(t, a.program(t, append(flags, "--out", filepath.Join(dir, args[0]))...), 0)
		r := mustRun(t, machine(a.program(t, append(flags, "--out", place("exports/"+args[0], g.endpoint()))...), cache), 0)
		if !strings.Contains(r.stdout, "s3://"+theBucket+"/exports/") {
			t.Error("it does not tell where the package is:", r.stdout)
		}
	}
	sameFiles(t, "in the bucket", files(t, there), files(t, dir))

	client := g.client(t)
	for name, want := range map[string]string{"a.zip": "application/zip", "a.csv": "text/csv; charset=utf-8", "a.zip.manifest.json": "application/json", "a b%.tar.zst": "application/zstd"} {
		info, err := client.StatObject(context.Background(), theBucket, "exports/"+name, minio.StatObjectOptions{})
		must(t, err)
		if info.ContentType != want {
			t.Errorf("%s: %s", name, info.ContentType)
		}
	}

	again := func(code int, args ...string) result {
		t.Helper()
		return mustRun(t, machine(a.program(t, append([]string{"export", dest, "--out", place("exports/split.tar", g.endpoint())}, args...)...), cache), code)
	}
	oneSentence(t, again(1, "--split=1MiB"), "is there already", "--overwrite")
	again(0, "--split=2MiB", "--overwrite")
	mustRun(t, a.program(t, "export", dest, "--out", filepath.Join(dir, "split.tar"), "--split=2MiB", "--overwrite"), 0)
	sameFiles(t, "in their place", files(t, there), files(t, dir))

	for _, c := range []struct {
		out  string
		code int
		args []string
		says []string
	}{
		{place("exports/", g.endpoint()), 2, []string{"--format=zip"}, []string{"names no object", "NAME.tar.zst"}},
		{place("", g.endpoint()), 2, []string{"--format=zip"}, []string{"names no object"}},
		{place("x", g.endpoint()), 2, nil, []string{"say which format"}},
		{place("x", g.endpoint()), 2, []string{"--format=bagit"}, []string{"must be in a file"}},
		{"s3://" + theBucket + "/x.zip?endpont=x", 2, nil, []string{"endpont"}},
		{"s3://absent/x.zip?endpoint=" + g.endpoint(), 1, nil, []string{"no such bucket"}},
	} {
		oneSentence(t, mustRun(t, machine(a.program(t, append([]string{"export", dest, "--out", c.out}, c.args...)...), cache), c.code), c.says...)
	}
	cmd := machine(a.program(t, "export", dest, "--out", place("x.zip", g.endpoint())), cache)
	cmd.Env = append(cmd.Env, "AWS_SECRET_ACCESS_KEY=wrong")
	oneSentence(t, mustRun(t, cmd, 1), "denies access")
	mustRun(t, a.program(t, "verify", dest), 0)
}

// TestPathsOfThisMachine are no names in a bucket, which would make a folder called s3: here.
func TestPathsOfThisMachine(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 3)
	identity, _ := keyFile(t)
	for _, args := range [][]string{
		{"decrypt", dest, "--identity", identity, "--to", "s3://bucket/x"}, {"prune", dest, "--max-nsfw=pg", "--move-to", "s3://bucket/x"},
		{"blob", "x", "--download", "--output", "s3://bucket/x"}, {"archive", dest, "--metrics-file", "s3://bucket/x"},
	} {
		oneSentence(t, mustRun(t, a.program(t, args...), 2), "lies in a bucket")
	}
}

// TestProfilesExportIntoABucket archives into one place of a bucket and exports what is new
// into another, as by a schedule.
func TestProfilesExportIntoABucket(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	g := newGateway(t)
	a := newAccount(t, sandbox.Options{Workflows: 20})
	dir, cache := t.TempDir(), t.TempDir()
	name := filepath.Join(dir, "civitar.toml")
	must(t, os.WriteFile(name, []byte(fmt.Sprintf("[profile.nightly]\ndest = %q\nrate = 0\nblob-rate = 0\nexport = { out = %q, since-last-export = true }\n",
		place("archive", g.endpoint()), place("exports/{date}-{time}.tar.zst", g.endpoint()))), 0o666))
	nightly := func() { mustRun(t, machine(a.program(t, "run", "nightly", "--config", name), cache), 0) }
	mustRun(t, machine(a.program(t, "config", "check", "--config", name), cache), 0)
	nightly()
	packages := func() []string {
		all, err := filepath.Glob(filepath.Join(g.folder, theBucket, "exports", "*.tar.zst"))
		must(t, err)
		return all
	}
	first := packages()
	if len(first) != 1 {
		t.Fatal(first)
	}
	sameFiles(t, "the first", contents(t, first[0]), results(t, filepath.Join(g.folder, theBucket, "archive")))
	nightly()
	if got := packages(); len(got) != 1 {
		t.Error("nothing new was exported:", got)
	}
	for a.Add(3); len(packages()) == 1; { // packages of one second have one name
		nightly()
	}
	mustRun(t, machine(a.program(t, "verify", place("archive", g.endpoint())), cache), 0)
}

// TestExportsIntoABucketThatEnd are killed or interrupted in the middle of an upload: nothing
// is there, and the next one makes it whole.
func TestExportsIntoABucketThatEnd(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	store := newMiddleman(t, enforces)
	a, dest := exportedArchive(t, 20)
	cache := t.TempDir()
	out := filepath.Join(store.folder, theBucket, "exports", "a.tar")
	export := []string{"export", dest, "--out", place("exports/a.tar", store.url)}
	for _, end := range []os.Signal{os.Kill, os.Interrupt} {
		store.shut.Lock()
		cmd := machine(a.program(t, export...), cache)
		must(t, cmd.Start())
		for deadline := time.Now().Add(time.Minute); store.waiting.Load() == 0; time.Sleep(10 * time.Millisecond) { // paces a look at a condition
			if time.Now().After(deadline) {
				t.Fatal("no part was uploaded")
			}
		}
		must(t, cmd.Process.Signal(end))
		err := cmd.Wait()
		store.shut.Unlock()
		if code := cmd.ProcessState.ExitCode(); err == nil || end == os.Interrupt && code != 130 {
			t.Errorf("%v: ended with %d", end, code)
		}
		if left, err := filepath.Glob(out + "*"); err != nil || len(left) > 0 {
			t.Errorf("%v: %v is there, %v", end, left, err)
		}
	}
	mustRun(t, machine(a.program(t, export...), cache), 0)
	sameFiles(t, "afterwards", contents(t, out), results(t, dest))
}

// TestOneLargePackage makes a package in the bucket of several parts, and looks at the memory
// that it takes.
func TestOneLargePackage(t *testing.T) {
	onlyOnLinux(t)
	g := newGateway(t)
	const size = 256 << 20
	a := &account{url: largeServer(t, size).URL, token: testToken}
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.program(t, "archive", dest, "--rate=0", "--blob-rate=0"), 0)
	launch, err := rig.NewLauncher(t.TempDir())
	must(t, err)
	usage, err := launch.Run(machine(a.program(t, "export", dest, "--out", place("large.tar", g.endpoint())), t.TempDir()))
	must(t, err)
	info, err := os.Stat(filepath.Join(g.folder, theBucket, "large.tar"))
	must(t, err)
	t.Logf("%d MiB in a package: %.0f MB resident at most", info.Size()>>20, usage.PeakMB())
	if info.Size() < size || usage.PeakMB() > 200 {
		t.Error("not whole, or more than 200 MB resident")
	}
	sameFiles(t, "in it", contents(t, filepath.Join(g.folder, theBucket, "large.tar")), results(t, dest))
}
