package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"civitar/fetch"
)

type loginCmd struct {
	APIURL string `name:"api-url" env:"CIVITAI_API_URL" placeholder:"URL" help:"Base URL of the API (default the vendor's)."`
}

func (loginCmd) Help() string {
	return `Example:  civitar login

The token is asked for without echo, or read from stdin, tried once, and kept in the system's keyring where there is one, else in a file that only you can read. Commands look for a token in --token-file, CIVITAI_API_TOKEN, CIVITAI_API_KEY, .env, and then there.`
}

// Run keeps a token that the API takes.
func (c *loginCmd) Run(s *session) error {
	url, err := (&addressFlags{APIURL: c.APIURL}).url()
	if err != nil {
		return err
	}
	if _, err := fetch.New(fetch.Config{BaseURL: url}); err != nil { // before anything is typed
		return err
	}
	token, err := s.readToken("API token for " + url + " (made at https://civitai.com/user/account): ")
	if err != nil {
		return err
	}
	if token == "" {
		return errors.New("no token was given: paste one, or pipe it in")
	}
	client, err := fetch.New(fetch.Config{BaseURL: url, Token: token, UserAgent: "civitar/" + version()})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := s.drainable()
	defer cancel()
	if _, err := client.Check(ctx); err != nil {
		return hintError{err, "the token is not kept; paste it whole, or make another at https://civitai.com/user/account"}
	}
	where, err := s.keeper().keep(url, token)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stderr, "civitar: the token is good; it is kept in %s\n", where)
	if a, err := (&addressFlags{APIURL: c.APIURL}).access(s.World); err == nil && a.from != where {
		fmt.Fprintf(s.Stderr, "civitar: as long as there is one in %s, that one is used\n", a.from)
	}
	return nil
}

type logoutCmd struct {
	APIURL string `name:"api-url" env:"CIVITAI_API_URL" placeholder:"URL" help:"Base URL of the API (default the vendor's)."`
}

func (logoutCmd) Help() string { return "Example:  civitar logout" }

// Run forgets the token that login kept.
func (c *logoutCmd) Run(s *session) error {
	url, err := (&addressFlags{APIURL: c.APIURL}).url()
	if err != nil {
		return err
	}
	had, err := s.keeper().forget(url)
	if err != nil {
		return err
	}
	if !had {
		fmt.Fprintf(s.Stderr, "civitar: no token was kept for %s\n", url)
		return nil
	}
	fmt.Fprintf(s.Stderr, "civitar: the token kept for %s is removed; delete it on the site too if it may have leaked\n", url)
	return nil
}

func (s *session) readToken(prompt string) (string, error) {
	text, err := s.readSecret(prompt)
	return cleanToken(text), err
}

// passphrase asks for the one of an identity.
func (s *session) passphrase(prompt string) (string, error) {
	text, err := s.readSecret(prompt)
	return strings.TrimRight(text, "\r\n"), err
}

// readSecret asks on a terminal, without echo, and reads the first line of stdin elsewhere.
func (s *session) readSecret(prompt string) (string, error) {
	f, ok := s.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(s.Stdin, 1<<16)).ReadString('\n')
		if err == io.EOF {
			err = nil
		}
		return line, err
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", err
	}
	fmt.Fprint(s.Stderr, prompt)
	defer fmt.Fprintln(s.Stderr)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(int(f.Fd()))
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		return string(a.text), a.err
	case <-s.drain: // the reading cannot be stopped, but the echo must come back
		return "", errors.Join(exitError{exitInterrupted}, term.Restore(int(f.Fd()), before))
	}
}
