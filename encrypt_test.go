package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"civitar/internal/sandbox"
)

// keyFile is an identity in a file, and its recipient.
func keyFile(t *testing.T) (file, recipient string) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	file = filepath.Join(t.TempDir(), "key.txt")
	must(t, os.WriteFile(file, []byte("# a key\n"+identity.String()+"\n"), 0o600))
	return file, identity.Recipient().String()
}

// secrets are texts that would tell what is in an archive: prompts and tags, and stretches of
// the results' own bytes. Words that stand in every archive tell nothing.
func secrets(t *testing.T, a *account, of func(sandbox.Expected) bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	public := []string{"img", "gen", "civitai", "video", "audio", "image", "comfy", "training", "text", "chat", "3d", "upscale", "model", "pg", "r", "x"}
	for e := range a.Truth() {
		if !of(e) {
			continue
		}
		if len(e.Prompt) > 8 {
			all[e.Prompt] = "the prompt of " + e.Workflow
		}
		for _, tag := range e.Tags {
			if len(tag) > 7 && !slices.Contains(public, tag) {
				all[tag] = "a tag of " + e.Workflow
			}
		}
		data, ok := a.Bytes(e.Blob)
		if !ok || e.SHA256 == "" {
			continue
		}
		for at := 64; at+24 <= len(data) && at < 2000; at += 300 {
			if run := data[at : at+24]; len(bytes.Trim(run, string(run[:1]))) > 12 {
				all[string(run)] = "bytes of " + e.Blob
			}
		}
	}
	if len(all) < 100 {
		t.Fatalf("%d secrets only", len(all))
	}
	return all
}

// wantHidden looks for secrets in every byte and name of an archive but its age files.
func wantHidden(t *testing.T, dest string, secrets map[string]string) {
	t.Helper()
	for name, data := range files(t, dest) {
		if strings.HasSuffix(name, ".age") {
			if !bytes.HasPrefix(data, []byte("age-encryption.org/v1")) {
				t.Errorf("%s is no age file", name)
			}
			data = nil
		}
		data = append([]byte(name+"\n"), data...)
		for secret, what := range secrets {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %s (%q)", name, what, secret)
			}
		}
	}
}

func TestEncryptedArchivesTellNothing(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 120})
	every := func(sandbox.Expected) bool { return true }
	identity, recipient := keyFile(t)
	for name, c := range map[string]struct {
		flags []string
		of    func(sandbox.Expected) bool
	}{
		"all":               {[]string{"--encrypt-all", "--recipient=" + recipient}, every},
		"all, with XMP":     {[]string{"--encrypt-all", "--sidecar=xmp", "--recipient=" + recipient}, every},
		"all, texts beside": {[]string{"--encrypt-all", "--sidecar=txt", "--recipient=" + recipient, "--where=len(prompt) >= 0 and not ('lighthouse at dusk' in tags)"}, every},
		"what is mature": {[]string{"--mature=encrypt", "--recipient=" + recipient}, func(e sandbox.Expected) bool {
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dest := filepath.Join(t.TempDir(), "vault")
			mustRun(t, a.archive(t, dest, append(c.flags, "-q")...), 0)
			mustRun(t, a.archive(t, dest, "-q"), 0) // goes on as it was begun
			if name != "what is mature" {
				wantHidden(t, dest, secrets(t, a, c.of))
				for file := range kept(t, dest) {
					if !strings.HasSuffix(file, ".age") {
						t.Errorf("%s is not encrypted", file)
					}
				}
			}
			mustRun(t, a.program(t, "verify", dest), 0)
			mustRun(t, a.program(t, "verify", dest, "--identity", identity), 0)

			clear := filepath.Join(t.TempDir(), "clear")
			mustRun(t, a.program(t, "decrypt", dest, "--identity", identity, "--to", clear), 0)
			if name == "all" {
				checkWhole(t, a, clear)
				checkSidecars(t, a, clear)
			}
			a.checkNothingWithheld(t, clear)
		})
	}
}

// What a filter looked for must not be told either.
func TestEncryptedArchivesDoNotTellWhatWasLookedFor(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	_, recipient := keyFile(t)
	dest := filepath.Join(t.TempDir(), "vault")
	mustRun(t, a.archive(t, dest, "-q", "--encrypt-all", "--recipient="+recipient, "--tag=txt2img", "--query=lantern", `--where=prompt contains "heron"`), 0)
	wantHidden(t, dest, map[string]string{"txt2img": "a tag that was asked for", "lantern": "a word that was asked for", "heron": "a word of the condition"})
}

func TestDamageToEncryptedArchivesIsFound(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	identity, recipient := keyFile(t)
	whole := filepath.Join(t.TempDir(), "vault")
	mustRun(t, a.archive(t, whole, "-q", "--encrypt-all", "--recipient="+recipient, "--sidecar=xmp"), 0)
	var victim string
	for name := range kept(t, whole) {
		if strings.HasPrefix(name, "media/") && !strings.HasSuffix(name, ".xmp.age") && (victim == "" || name < victim) {
			victim = name
		}
	}
	for name, c := range map[string]struct {
		damage func(path string) error
		says   string
	}{
		"a flipped bit": {func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)-5] ^= 1
				err = os.WriteFile(path, data, 0o666)
			}
			return err
		}, "altered"},
		"cut short": {func(path string) error { return os.Truncate(path, 300) }, "truncated"},
		"removed":   {os.Remove, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dest := copied(t, whole)
			must(t, c.damage(filepath.Join(dest, victim)))
			if r := mustRun(t, a.program(t, "verify", dest), 3); !strings.Contains(r.stdout, c.says) || !strings.Contains(r.stdout, victim) {
				t.Errorf("verify says\n%s", r.stdout)
			}
			mustRun(t, a.program(t, "repair", dest, "-q", "--identity", identity), 0)
			mustRun(t, a.program(t, "verify", dest, "--identity", identity), 0)
			for file := range kept(t, dest) {
				if !strings.HasSuffix(file, ".age") {
					t.Errorf("%s is not encrypted", file)
				}
			}
		})
	}
}

func TestWhoCannotDecryptIsToldSo(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 10})
	_, recipient := keyFile(t)
	other, _ := keyFile(t)
	dest, clear := filepath.Join(t.TempDir(), "vault"), filepath.Join(t.TempDir(), "clear")
	mustRun(t, a.archive(t, dest, "-q", "--encrypt-all", "--recipient="+recipient), 0)
	r := mustRun(t, a.program(t, "decrypt", dest, "--identity", other, "--to", clear), 1)
	if strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "encrypted for others") || len(files(t, clear)) > 0 {
		t.Errorf("it leaves %v and says\n%s", files(t, clear), r.stderr)
	}
	if r := mustRun(t, a.program(t, "verify", dest, "--identity", other), 3); !strings.Contains(r.stdout, "encrypted for others") {
		t.Errorf("verify with another's key says\n%s", r.stdout)
	}
}

// TestPlaintextIsProved changes what the journal says a file holds: only an identity shows it.
func TestPlaintextIsProved(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 10})
	identity, recipient := keyFile(t)
	dest := filepath.Join(t.TempDir(), "vault")
	mustRun(t, a.archive(t, dest, "-q", "--encrypt-all", "--recipient="+recipient), 0)
	journal := filepath.Join(dest, ".civitar", "journal", "000001.jsonl")
	data, err := os.ReadFile(journal)
	must(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	for i, line := range lines {
		var l struct {
			State string
			Plain struct{ SHA256 string }
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.State == "kept" {
			lines[i] = strings.Replace(line, l.Plain.SHA256, strings.Repeat("0", 64), 1)
			break
		}
	}
	must(t, os.WriteFile(journal, []byte(strings.Join(lines, "")), 0o666))
	must(t, os.Remove(filepath.Join(dest, ".civitar", "index.db")))
	mustRun(t, a.program(t, "verify", dest), 0)
	if r := mustRun(t, a.program(t, "verify", dest, "--identity", identity), 3); !strings.Contains(r.stdout, "SHA-256") {
		t.Errorf("verify says\n%s", r.stdout)
	}
}
