package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"civitar/internal/durable"
)

// Keyring is the store for secrets that many systems have. Get returns "" for what it does
// not hold; errors mean that there is no such store, or that it is closed.
type Keyring interface {
	Get(account string) (string, error)
	Set(account, token string) error
	Delete(account string) error
}

// keeper keeps tokens, one for each API, so that none is ever sent to another: in the
// system's keyring, or where there is none in a file that only its owner can read.
type keeper struct {
	ring Keyring
	dir  func() (string, error) // the folder of the file
}

func (w World) keeper() keeper {
	ring := w.Keyring
	if ring == nil {
		ring = noKeyring{}
	}
	return keeper{ring: ring, dir: func() (string, error) {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "civitar"), err
	}}
}

const tokensFile = "tokens.json"

// account names an API: its origin.
func account(api string) string {
	u, err := url.Parse(api)
	if err != nil {
		return api
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// find returns the token kept for an API and where it was, or "".
func (k keeper) find(api string) (token, where string, err error) {
	if token, err := k.ring.Get(account(api)); err == nil && token != "" {
		return token, "the system's keyring", nil
	}
	all, file, err := k.read()
	return all[account(api)], file, err
}

// keep keeps a token and tells where.
func (k keeper) keep(api, token string) (where string, err error) {
	if k.ring.Set(account(api), token) == nil {
		_, err := k.change(api, "") // an older one must not be found instead one day
		return "the system's keyring", err
	}
	return k.change(api, token)
}

// forget removes the token kept for an API and tells whether there was one.
func (k keeper) forget(api string) (bool, error) {
	token, _, err := k.find(api)
	if err != nil || token == "" {
		return false, err
	}
	if held, err := k.ring.Get(account(api)); err == nil && held != "" {
		if err := k.ring.Delete(account(api)); err != nil {
			return false, fmt.Errorf("the system's keyring does not let go of the token: %w", err)
		}
	}
	_, err = k.change(api, "")
	return true, err
}

func (k keeper) read() (all map[string]string, file string, err error) {
	dir, err := k.dir()
	if err != nil { // no home: there is nothing to be found
		return nil, "", nil
	}
	file = filepath.Join(dir, tokensFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, file, nil
	}
	if err != nil {
		return nil, file, err
	}
	if json.Unmarshal(data, &all) != nil { // its words could quote the file
		return nil, file, fmt.Errorf("%s cannot be read: delete it and run civitar login again", file)
	}
	return all, file, nil
}

// change writes the file with another token, or without one for "".
func (k keeper) change(api, token string) (file string, err error) {
	all, file, err := k.read()
	if err != nil || token == "" && all[account(api)] == "" {
		return file, err
	}
	if all == nil {
		all = map[string]string{}
	}
	all[account(api)] = token
	if token == "" {
		delete(all, account(api))
	}
	dir, err := k.dir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return file, err
	}
	folder, err := durable.Open(dir, nil)
	if err != nil {
		return file, err
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = folder.Replace(tokensFile, append(data, '\n'), 0o600)
	}
	return file, errors.Join(err, folder.Close())
}

// noKeyring is the store of systems that have none.
type noKeyring struct{}

// errNoKeyring says that the system has no keyring to ask, or that it does not answer.
var errNoKeyring = errors.New("no keyring")

func (noKeyring) Get(string) (string, error) { return "", errNoKeyring }
func (noKeyring) Set(string, string) error   { return errNoKeyring }
func (noKeyring) Delete(string) error        { return errNoKeyring }

// systemKeyring is the keyring of the operating system.
type systemKeyring struct{}

const (
	keyringService = "civitar"
	// keyringPatience is how long a keyring may take: one that is locked asks its owner.
	keyringPatience = time.Minute
)

func (systemKeyring) Get(account string) (string, error) {
	token, err := patiently(func() (string, error) { return keyring.Get(keyringService, account) })
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	return token, err
}

func (systemKeyring) Set(account, token string) error {
	_, err := patiently(func() (string, error) { return "", keyring.Set(keyringService, account, token) })
	return err
}

func (systemKeyring) Delete(account string) error {
	_, err := patiently(func() (string, error) { return "", keyring.Delete(keyringService, account) })
	return err
}

func patiently(call func() (string, error)) (string, error) {
	type answer struct {
		token string
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		token, err := call()
		answered <- answer{token, err}
	}()
	select {
	case a := <-answered:
		return a.token, a.err
	case <-time.After(keyringPatience):
		return "", errNoKeyring
	}
}
