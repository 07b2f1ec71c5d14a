package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

const defaultAPI = "https://orchestration.civitai.com"

// addressFlags say which API is asked, and with which token.
type addressFlags struct {
	APIURL    string `name:"api-url" env:"CIVITAI_API_URL" placeholder:"URL" help:"Base URL of the API (default the vendor's)."`
	TokenFile string `placeholder:"FILE" help:"File that holds the API token (default: see civitar login --help)."`
}

// access is where the API is and what opens it.
type access struct {
	url, token string
	from       string // where the token was found
}

// access finds URL and token: flags first, then the environment, then .env beside the
// working directory, then what civitar login kept.
func (f *addressFlags) access(w World) (access, error) {
	dotenv, unread := readDotenv(".env") // which may be some other project's
	a := access{url: f.urlWith(dotenv)}
	if f.TokenFile != "" {
		data, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return a, fmt.Errorf("--token-file: %w", err)
		}
		if a.token, a.from = cleanToken(string(data)), "--token-file"; a.token == "" {
			return a, fmt.Errorf("--token-file %s is empty: put the API token into it", f.TokenFile)
		}
		return a, nil
	}
	for _, place := range []struct {
		env  func(string) string
		name string
	}{{w.env, ""}, {func(name string) string { return dotenv[name] }, " in .env"}} {
		for _, name := range []string{"CIVITAI_API_TOKEN", "CIVITAI_API_KEY"} {
			if a.token, a.from = cleanToken(place.env(name)), name+place.name; a.token != "" {
				return a, nil
			}
		}
	}
	if unread != nil {
		return a, unread
	}
	var err error
	if a.token, a.from, err = w.keeper().find(a.url); err == nil && a.token == "" {
		err = errors.New("no API token: " + tokenHint)
	}
	return a, err
}

// url is the address alone, for commands that bring their token themselves.
func (f *addressFlags) url() (string, error) {
	dotenv, err := readDotenv(".env")
	return f.urlWith(dotenv), err
}

func (f *addressFlags) urlWith(dotenv map[string]string) string {
	return firstOf(f.APIURL, dotenv["CIVITAI_API_URL"], defaultAPI)
}

func readDotenv(name string) (map[string]string, error) {
	vars, err := godotenv.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			return nil, err
		}
		// The parser's words quote the file, which may hold secrets.
		return nil, fmt.Errorf("%s cannot be read: write lines like NAME=value", name)
	}
	return vars, nil
}

// cleanToken takes off what clings to a pasted token.
func cleanToken(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 7 && strings.EqualFold(s[:7], "bearer ") {
		s = strings.TrimSpace(s[7:])
	}
	return s
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
