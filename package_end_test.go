package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

// packages are the endings of their names.
func packages() []string { return []string{".tar", ".tar.zst", ".zip"} }

func extOf(name string) string {
	base := filepath.Base(name)
	return base[strings.Index(base, "."):]
}

// inside maps the archive's files in a whole package to their hashes.
func inside(t *testing.T, name string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	all := map[string]string{}
	for path, content := range members(t, extOf(name), data) {
		if !strings.HasPrefix(path, ".civitar/") {
			all[path] = sum(content)
		}
	}
	if z, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil { // which goes by the directory
		live := map[string]string{}
		for _, f := range z.File {
			if all[f.Name] != "" {
				live[f.Name] = all[f.Name]
			}
		}
		return live
	}
	return all
}

// packed makes a package, and a folder that holds the same.
func packed(t *testing.T, a *account, ext string, args ...string) (dest, folder string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, os.Mkdir(dir, 0o777))
	dest, folder = filepath.Join(dir, "a"+ext), filepath.Join(dir, "folder")
	mustRun(t, a.program(t, append([]string{"archive", dest, "--rate=0", "--blob-rate=0"}, args...)...), 0)
	mustRun(t, a.archive(t, folder, args...), 0)
	return dest, folder
}

// another is a copy of a package with its record, and what else stands beside it.
func another(t *testing.T, dest string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "p")
	must(t, os.CopyFS(to, os.DirFS(filepath.Dir(dest))))
	return filepath.Join(to, filepath.Base(dest))
}

// add adds to a package, without limits of pace.
func (a *account) add(t *testing.T, dest string, args ...string) *exec.Cmd {
	t.Helper()
	return a.program(t, append([]string{"archive", dest, "--rate=0", "--blob-rate=0", "--page-size=4"}, args...)...)
}

func TestPackagesAreReadByOtherPrograms(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 60})
			dest, folder := packed(t, a, ext, "--sidecar=xmp")
			sameKept(t, inside(t, dest), kept(t, folder))
			checkTools(t, dest)
			before := hashOf(t, dest)
			mustRun(t, a.add(t, dest), 0)
			if hashOf(t, dest) != before {
				t.Error("a run that found nothing new has changed the package")
			}
			a.FinishProcessing() // some of what is there is superseded
			a.Add(6)
			mustRun(t, a.add(t, dest), 0)
			mustRun(t, a.archive(t, folder), 0)
			want := kept(t, folder)
			sameKept(t, inside(t, dest), want)
			checkTools(t, dest)
			mustRun(t, a.program(t, "verify", dest), 0)

			// Extracted, it is an archive like any other.
			extracted := extract(t, dest)
			mustRun(t, a.program(t, "verify", extracted), 0)
			asked := a.Stats().Content
			if s := summaryOf(t, mustRun(t, a.archive(t, extracted, "--json", "--full"), 0)); s.Kept != 0 || a.Stats().Content != asked {
				t.Errorf("%d kept again", s.Kept)
			}
			sameKept(t, kept(t, extracted), want)
		})
	}
}

// checkTools has other programs read a package to its end.
func checkTools(t *testing.T, dest string) {
	t.Helper()
	tools := map[string][][]string{
		".tar":     {{"tar", "-tf"}, {"bsdtar", "-tf"}},
		".tar.zst": {{"zstd", "-tq"}, {"bsdtar", "-tf"}},
		".zip":     {{"unzip", "-tq"}, {"bsdtar", "-tf"}},
	}
	for _, tool := range tools[extOf(dest)] {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Logf("NOT TRIED: %s is not here", tool[0])
			continue
		}
		if out, err := exec.Command(tool[0], append(tool[1:], dest)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", tool, err, out)
		}
	}
}

// extract writes out a package as another program does.
func extract(t *testing.T, dest string) string {
	t.Helper()
	data, err := os.ReadFile(dest)
	must(t, err)
	to := filepath.Join(t.TempDir(), "extracted")
	all := members(t, extOf(dest), data)
	if ext := filepath.Ext(dest); ext == ".zip" {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		must(t, err)
		must(t, os.CopyFS(to, z))
		return to
	}
	for name, content := range all {
		at := filepath.Join(to, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(at), 0o777))
		must(t, os.WriteFile(at, content, 0o666))
	}
	return to
}

func TestPackageStandsAlone(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 40})
			dest, folder := packed(t, a, ext)
			said := mustRun(t, a.program(t, "status", dest, "--json"), 0).stdout
			must(t, os.RemoveAll(dest+".civitar"))
			for _, args := range [][]string{{"verify", dest}, {"status", dest}, {"archive", dest, "--dry-run"}, {"export", dest, "--out", filepath.Join(t.TempDir(), "x.zip")}} {
				mustRun(t, a.program(t, args...), 0)
			}
			if now := mustRun(t, a.program(t, "status", dest, "--json"), 0).stdout; now != said {
				t.Errorf("status says\n%s\nand said\n%s", now, said)
			}
			if _, err := os.Stat(dest + ".civitar"); err == nil {
				t.Error("a look at it has written beside it")
			}
			a.Add(4)
			asked := a.Stats().Content
			s := summaryOf(t, mustRun(t, a.add(t, dest, "--json", "--full"), 0))
			if n := a.Stats().Content - asked; s.Kept == 0 || n > s.Kept {
				t.Errorf("%d blobs asked for, %d kept", n, s.Kept)
			}
			mustRun(t, a.archive(t, folder, "--full"), 0)
			sameKept(t, inside(t, dest), kept(t, folder))
			mustRun(t, a.program(t, "verify", dest), 0)
		})
	}
}

// TestKilledAdditions kills runs that add to a whole package, before the steps by which they
// change the disk. Whatever has the name is whole at every instant; in the end the package
// holds what that of an unbroken run does, and nothing that was recorded was fetched again.
func TestKilledAdditions(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 8})
			begun, _ := packed(t, a, ext)
			a.FinishProcessing()
			a.Add(4)
			unbroken := another(t, begun)
			cmd := a.add(t, unbroken)
			trace := filepath.Join(t.TempDir(), "trace")
			cmd.Env = append(cmd.Env, diskEnv+"=trace "+trace)
			mustRun(t, cmd, 0)
			steps, err := os.ReadFile(trace)
			must(t, err)
			before, want := inside(t, begun), inside(t, unbroken)
			total, killed := bytes.Count(steps, []byte("\n")), 0
			for step := 1; step <= total; step += max(1, total/(*kills/4+1)) {
				dest := another(t, begun)
				cmd := a.add(t, dest)
				cmd.Env = append(cmd.Env, fmt.Sprintf("%s=kill %d", diskEnv, step))
				if r := run(t, cmd); r.code != 0 {
					killed++
				}
				if _, err := os.Stat(dest); err == nil {
					if got := inside(t, dest); !maps.Equal(got, before) && !maps.Equal(got, want) {
						t.Errorf("step %d: a half-written package has the name", step)
					}
					checkTools(t, dest)
				}
				mustRun(t, a.program(t, "verify", dest), 0)
				a.settle(t)
				have, asked := len(recordedKept(t, dest+".civitar")), a.Stats().Content
				mustRun(t, a.add(t, dest), 0)
				if n, due := int(a.Stats().Content-asked), len(recordedKept(t, dest+".civitar"))-have; n > due {
					t.Errorf("step %d: %d blobs were fetched, %d were not recorded", step, n, due)
				}
				sameKept(t, inside(t, dest), want)
				mustRun(t, a.program(t, "verify", dest), 0)
				checkTools(t, dest)
			}
			t.Logf("%d kills, before some of %d steps", killed, total)
			if killed == 0 {
				t.Error("no run was killed")
			}
		})
	}
}

// TestCutPackagesAreMadeWhole cuts packages that are not whole anywhere. The next run fetches
// again what the cut has taken, and nothing else.
func TestCutPackagesAreMadeWhole(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 12})
			begun, _ := packed(t, a, ext, "--sidecar=txt")
			want := inside(t, begun)
			info, err := os.Stat(begun)
			must(t, err)
			const cuts = 12
			for i := range int64(cuts) {
				dest := another(t, begun)
				must(t, os.Rename(dest, dest+".partial"))
				must(t, os.Truncate(dest+".partial", info.Size()*i/cuts+i))
				if i%3 == 2 { // where members are is found by a look at them
					must(t, os.Remove(dest+".civitar/.civitar/members.db"))
				}
				partial, err := os.ReadFile(dest + ".partial")
				must(t, err)
				have, asked := members(t, ext, partial), a.Stats().Content
				s := summaryOf(t, mustRun(t, a.add(t, dest, "--json"), 0))
				lost := 0
				for path := range want {
					if _, ok := have[path]; !ok && strings.HasPrefix(path, "media/") && !strings.HasSuffix(path, ".txt") {
						lost++
					}
				}
				if n := a.Stats().Content - asked; s.Kept > int64(lost)+1 || n > s.Kept { // one may lack only what stands beside it
					t.Errorf("cut %d: %d were lost, %d are kept again, %d were asked for", i, lost, s.Kept, n)
				}
				sameKept(t, inside(t, dest), want)
				mustRun(t, a.program(t, "verify", dest), 0)
				checkTools(t, dest)
			}
		})
	}
}

// TestDamagedPackagesAreTold does harm to packages, and each is found, and nothing else.
func TestDamagedPackagesAreTold(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 12})
			begun, folder := packed(t, a, ext)
			whole, err := os.ReadFile(begun)
			must(t, err)
			all := files(t, folder)
			victim, at := "", -1
			smallest := func(a, b string) int { return cmp.Or(len(all[a])-len(all[b]), strings.Compare(a, b)) }
			for _, name := range slices.SortedFunc(maps.Keys(all), smallest) { // one of its kind, that the form does not make smaller
				if half := all[name][len(all[name])/2:]; strings.HasPrefix(name, "media/") && len(half) > 64 && at < 0 && bytes.Count(whole, half[:64]) == 1 {
					victim, at = name, bytes.Index(whole, half[:64])
				}
			}
			if at < 0 {
				t.Fatal("no content is found in the package")
			}
			for name, c := range map[string]struct {
				damage func(data []byte) []byte
				says   []string // one finding each
			}{
				"a bit of a content": {func(data []byte) []byte { data[at] ^= 1; return data }, []string{victim}},
				"cut":                {func(data []byte) []byte { return data[:len(data)-10] }, []string{"a" + ext}},
				"more than there is": {func(data []byte) []byte { return append(data, "more"...) }, []string{"a" + ext}},
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					dest := another(t, begun)
					must(t, os.WriteFile(dest, c.damage(slices.Clone(whole)), 0o666))
					r := mustRun(t, a.program(t, "verify", dest, "--quiet"), 3)
					if lines := strings.Split(strings.TrimSpace(r.stdout), "\n"); len(lines) != len(c.says) || !strings.Contains(r.stdout, c.says[0]) {
						t.Errorf("verify finds\n%s\nwant %v", r.stdout, c.says)
					}
				})
			}
			t.Run("a head", func(t *testing.T) {
				t.Parallel()
				dest := another(t, begun)
				data := slices.Clone(whole)
				head := bytes.LastIndex(data[:at], []byte(victim))
				if ext == ".tar.zst" {
					head = bytes.LastIndex(data[:at], []byte{0x28, 0xb5, 0x2f, 0xfd}) // the magic number
				}
				data[head+1] ^= 1
				must(t, os.WriteFile(dest, data, 0o666))
				r := mustRun(t, a.program(t, "verify", dest, "--quiet"), 3)
				if lines := strings.Split(strings.TrimSpace(r.stdout), "\n"); len(lines) > 3 || !strings.Contains(r.stdout, victim) {
					t.Errorf("verify finds\n%s", r.stdout)
				}
			})
		})
	}
}

func TestMembersOfOthersAreForeign(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 12})
	for ext, tool := range map[string][]string{".tar": {"tar", "-rf"}, ".zip": {"zip", "-q"}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Logf("NOT TRIED: %s is not here", tool[0])
			continue
		}
		dest, _ := packed(t, a, ext)
		must(t, os.WriteFile(filepath.Join(filepath.Dir(dest), "mine.txt"), []byte("mine"), 0o666))
		cmd := exec.Command(tool[0], append(tool[1:], "a"+ext, "mine.txt")...)
		cmd.Dir = filepath.Dir(dest)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if r := mustRun(t, a.program(t, "verify", dest), 3); !strings.Contains(r.stdout, "foreign     mine.txt") {
			t.Errorf("%s: verify finds\n%s", ext, r.stdout)
		}
		// What would be cut off is not: the run says so, and leaves it.
		before := hashOf(t, dest)
		a.Add(1)
		oneSentence(t, mustRun(t, a.add(t, dest), 1), "not as civitar left it")
		must(t, os.RemoveAll(dest+".civitar"))
		oneSentence(t, mustRun(t, a.add(t, dest), 1), "mine.txt was added by another program")
		if hashOf(t, dest) != before {
			t.Error("the package was changed")
		}
	}
}

// TestVerifyBesideARunOverAPackage looks at a package while a run adds to it, and at one that
// gets its other name.
func TestVerifyBesideARunOverAPackage(t *testing.T) {
	t.Parallel()
	for _, ext := range packages() {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 30})
			dest, _ := packed(t, a, ext)
			a.FinishProcessing()
			a.Add(40)
			a.SetFaults(sandbox.Faults{Latency: 2 * time.Millisecond})
			cmd := a.add(t, dest)
			must(t, cmd.Start())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			looks := 0
			for {
				mustRun(t, a.program(t, "verify", dest), 0)
				mustRun(t, a.program(t, "status", dest), 0)
				looks++
				select {
				case err := <-ended:
					must(t, err)
					t.Logf("%d looks", looks)
					mustRun(t, a.program(t, "verify", dest), 0)
					return
				default:
				}
			}
		})
	}
}

// TestWhatBecomesOfPackagesIsTold meets packages and records that do not belong together.
func TestWhatBecomesOfPackagesIsTold(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 6})
	begun, _ := packed(t, a, ".tar")
	a.Add(1)
	for name, c := range map[string]struct {
		change func(t *testing.T, dest string)
		says   string
	}{
		"it is gone":      {func(t *testing.T, dest string) { must(t, os.Remove(dest)) }, "is not there, and its record"},
		"it is another's": {func(t *testing.T, dest string) { must(t, os.WriteFile(dest, []byte("mine"), 0o666)) }, "not as civitar left it"},
		"both are there":  {func(t *testing.T, dest string) { must(t, os.WriteFile(dest+".partial", nil, 0o666)) }, "are both there"},
		"it is no package": {func(t *testing.T, dest string) {
			must(t, os.RemoveAll(dest+".civitar"))
			must(t, os.WriteFile(dest, nil, 0o666))
		}, "holds no record of an archive"},
		"a part and no record": {func(t *testing.T, dest string) {
			must(t, os.RemoveAll(dest+".civitar"))
			must(t, os.Rename(dest, dest+".partial"))
		}, "without which nothing tells"},
		"it is a link": {func(t *testing.T, dest string) {
			must(t, os.Rename(dest, dest+"~"))
			must(t, os.Symlink(dest+"~", dest))
		}, "no regular file"},
		"damage, and where members are is not known": {func(t *testing.T, dest string) {
			must(t, os.Remove(dest+".civitar/.civitar/members.db"))
			data, err := os.ReadFile(dest)
			must(t, err)
			data[700] ^= 1
			data[0] ^= 1
			must(t, os.WriteFile(dest+".partial", data, 0o666))
			must(t, os.Remove(dest))
		}, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dest := another(t, begun)
			c.change(t, dest)
			before := files(t, filepath.Dir(dest))
			oneSentence(t, mustRun(t, a.add(t, dest), 1), c.says)
			for path, data := range files(t, filepath.Dir(dest)) {
				if !strings.Contains(path, ".civitar/") && !bytes.Equal(before[path], data) {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
}

// TestOneLargeMember puts one large blob through, and looks at the memory that it takes. In a
// zip, which needs zip64 from 4 GiB on, it is as large as the flag says.
func TestOneLargeMember(t *testing.T) {
	launch, err := rig.NewLauncher(t.TempDir())
	must(t, err)
	for _, ext := range packages() {
		size := int64(256 << 20)
		if ext == ".zip" {
			size = max(size, int64(*gib)<<30)
		}
		a := &account{url: largeServer(t, size).URL, token: testToken}
		dest := filepath.Join(t.TempDir(), "a"+ext)
		usage, err := launch.Run(a.program(t, "archive", dest, "--rate=0", "--blob-rate=0", "-q"))
		must(t, err)
		t.Logf("%s: %d MiB in one member: %.0f MB resident at most, %v", ext, size>>20, usage.PeakMB(), usage.Wall.Round(time.Second))
		if usage.PeakMB() > 200 {
			t.Error("more than 200 MB resident")
		}
		checkTools(t, dest)
		mustRun(t, a.program(t, "verify", dest), 0)
		must(t, os.Remove(dest))
	}
}

func TestExportsKeepOffPackages(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 6})
	dest, folder := packed(t, a, ".zip")
	before := hashOf(t, dest)
	oneSentence(t, mustRun(t, a.program(t, "export", folder, "--out", dest, "--overwrite"), 1), "is an archive")
	if hashOf(t, dest) != before {
		t.Error("the package was changed")
	}
	out := filepath.Join(t.TempDir(), "x.tar")
	mustRun(t, a.program(t, "export", dest, "--out", out), 0)
	sameFiles(t, "an export of a package", contents(t, out), results(t, folder))
}
