package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/joho/godotenv"

	"civitar/fetch"
	"civitar/manifest"
)

const defaultAPI = "https://orchestration.civitai.com"

// apiFlags say which API is asked, and how fast.
type apiFlags struct {
	APIURL    string        `name:"api-url" env:"CIVITAI_API_URL" placeholder:"URL" help:"Base URL of the API (default ${api})."`
	TokenFile string        `placeholder:"FILE" help:"File that holds the API token (else CIVITAI_API_TOKEN, CIVITAI_API_KEY, or .env)."`
	Rate      *float64      `placeholder:"N" help:"API requests a second, 0 for no limit (default 5)."`
	BlobRate  *float64      `placeholder:"N" help:"Blob requests a second, 0 for no limit (default 20)."`
	Stall     time.Duration `default:"30s" help:"How long a transfer may make no progress before it is tried again (default ${default})."`
	Retries   int           `default:"5" help:"Tries of a request or transfer (default ${default})."`
}

const (
	defaultRate     = 5
	defaultBlobRate = 20
)

// access is where the API is and what opens it.
type access struct{ url, token string }

// access finds URL and token: flags first, then the environment, then .env beside the
// working directory.
func (f *apiFlags) access(w World) (access, error) {
	dotenv, err := readDotenv(".env")
	if err != nil {
		return access{}, err
	}
	a := access{url: firstOf(f.APIURL, dotenv["CIVITAI_API_URL"], defaultAPI)}
	if f.TokenFile != "" {
		data, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return a, fmt.Errorf("--token-file: %w", err)
		}
		if a.token = cleanToken(string(data)); a.token == "" {
			return a, fmt.Errorf("--token-file %s is empty: put the API token into it", f.TokenFile)
		}
		return a, nil
	}
	a.token = firstOf(cleanToken(w.env("CIVITAI_API_TOKEN")), cleanToken(w.env("CIVITAI_API_KEY")),
		cleanToken(dotenv["CIVITAI_API_TOKEN"]), cleanToken(dotenv["CIVITAI_API_KEY"]))
	if a.token == "" {
		return a, errors.New("no API token: " + tokenHint)
	}
	return a, nil
}

// check finds what is wrong with the flags.
func (f *apiFlags) check() error {
	switch {
	case f.Retries < 1 || f.Retries > 100:
		return usagef("--retries must be from 1 to 100")
	case f.Stall < 100*time.Millisecond:
		return usagef("--stall must be at least 100ms")
	case f.Rate != nil && *f.Rate < 0, f.BlobRate != nil && *f.BlobRate < 0:
		return usagef("--rate and --blob-rate must not be negative; 0 means no limit")
	}
	return nil
}

// open finds the API: the real one, or a sandbox that runs in this process until closed.
func (f *apiFlags) open(s *session, sandboxed bool) (a access, source string, closeAPI func(), err error) {
	if !sandboxed {
		a, err = f.access(s.World)
		return a, a.url, func() {}, err
	}
	served, err := serveSandbox(sandboxOptions(0, 0), "127.0.0.1:0")
	if err != nil {
		return a, "", nil, err
	}
	return access{url: served.url, token: served.token}, manifest.Sandbox, served.close, nil
}

func (f *apiFlags) config(api access, sandboxed bool, log *slog.Logger) fetch.Config {
	rate, blobRate := float64(defaultRate), float64(defaultBlobRate)
	if sandboxed { // nobody is spared by going slowly
		rate, blobRate = 0, 0
	}
	if f.Rate != nil {
		rate = *f.Rate
	}
	if f.BlobRate != nil {
		blobRate = *f.BlobRate
	}
	return fetch.Config{BaseURL: api.url, Token: api.token, UserAgent: "civitar/" + version(), Rate: rate, BlobRate: blobRate,
		Retries: f.Retries, Stall: f.Stall, Logger: log}
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
