package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// fakeKeyring is a keyring in memory; a closed one refuses everything.
type fakeKeyring struct {
	held   map[string]string
	closed bool
}

var errClosed = errors.New("the keyring is closed")

func (f *fakeKeyring) do(call func()) error {
	if f.closed {
		return errClosed
	}
	call()
	return nil
}

func (f *fakeKeyring) Get(account string) (token string, err error) {
	return token, f.do(func() { token = f.held[account] })
}

func (f *fakeKeyring) Set(account, token string) error {
	return f.do(func() { f.held[account] = token })
}

func (f *fakeKeyring) Delete(account string) error {
	return f.do(func() { delete(f.held, account) })
}

func newKeeper(t *testing.T, ring Keyring) (keeper, string) {
	dir := t.TempDir()
	return keeper{ring: ring, dir: func() (string, error) { return dir, nil }}, filepath.Join(dir, tokensFile)
}

func wantToken(t *testing.T, k keeper, api, want string) {
	t.Helper()
	if got, _, err := k.find(api); err != nil || got != want {
		t.Errorf("found %q for %s (%v), want %q", got, api, err, want)
	}
}

func TestKeeperPrefersTheKeyring(t *testing.T) {
	ring := &fakeKeyring{held: map[string]string{}}
	k, file := newKeeper(t, ring)
	if _, err := k.keep("https://API.test:443/v2", "tok"); err != nil {
		t.Fatal(err)
	}
	wantToken(t, k, "https://api.test:443/other", "tok")
	wantToken(t, k, "https://elsewhere.test", "")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written as well: %v", err)
	}
	if had, err := k.forget("https://api.test:443"); !had || err != nil || len(ring.held) != 0 {
		t.Errorf("forget: %v, %v, left %v", had, err, ring.held)
	}
}

func TestKeeperFallsBackToAFile(t *testing.T) {
	ring := &fakeKeyring{held: map[string]string{}, closed: true}
	k, file := newKeeper(t, ring)
	for _, api := range []string{"https://a.test", "https://b.test"} {
		if where, err := k.keep(api, "tok of "+api); err != nil || where != file {
			t.Fatalf("kept in %s: %v", where, err)
		}
	}
	wantToken(t, k, "https://a.test", "tok of https://a.test")
	// A keyring that opens later takes over, and leaves no second token to be found.
	ring.closed = false
	if _, err := k.keep("https://a.test", "newer"); err != nil {
		t.Fatal(err)
	}
	ring.closed = true
	wantToken(t, k, "https://a.test", "")
	wantToken(t, k, "https://b.test", "tok of https://b.test")
	if had, err := k.forget("https://b.test"); !had || err != nil {
		t.Errorf("forget: %v, %v", had, err)
	}
	wantToken(t, k, "https://b.test", "")
}

func TestKeeperDoesNotQuoteABrokenFile(t *testing.T) {
	k, file := newKeeper(t, noKeyring{})
	if err := os.WriteFile(file, []byte(`{"https://a.test": "secret`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.find("https://a.test"); err == nil || len(err.Error()) > 300 || filepath.Base(file) == "" {
		t.Errorf("got %v", err)
	}
}
