package cli

import (
	"log/slog"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// apiFlags say which API is asked, and how fast.
type apiFlags struct {
	addressFlags
	hideMature bool          // set by commands that have a flag for it
	Rate       *float64      `placeholder:"N" help:"API requests a second, 0 for no limit (default 5)."`
	BlobRate   *float64      `placeholder:"N" help:"Blob requests a second (default no limit but what the server bears)."`
	Stall      time.Duration `default:"30s" help:"How long a transfer may stand still before the next try (default ${default})."`
	Retries    int           `default:"5" help:"Tries of a request or transfer (default ${default})."`
}

// defaultRate is for listings. Blobs have no limit by default: the server's own answers
// slow them down.
const defaultRate = 5

// check finds what is wrong with the flags.
func (f *apiFlags) check() error {
	switch {
	case f.Retries < 1 || f.Retries > 100:
		return usagef("--retries must be from 1 to 100")
	case f.Stall < 100*time.Millisecond:
		return usagef("--stall must be at least 100ms")
	case f.Rate != nil && !(*f.Rate >= 0), f.BlobRate != nil && !(*f.BlobRate >= 0): // NaN is neither
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

// connect makes the client that asks the API, and tells what an archive made with it is of.
func (f *apiFlags) connect(s *session, sandboxed bool, log *slog.Logger) (client *fetch.Client, source string, disconnect func(), err error) {
	api, source, closeAPI, err := f.open(s, sandboxed)
	if err != nil {
		return nil, "", nil, err
	}
	if client, err = fetch.New(f.config(api, sandboxed, log)); err != nil {
		closeAPI()
		return nil, "", nil, err
	}
	return client, source, func() { client.Close(); closeAPI() }, nil
}

func (f *apiFlags) config(api access, sandboxed bool, log *slog.Logger) fetch.Config {
	rate, blobRate := float64(defaultRate), 0.0
	if sandboxed { // nobody is spared by going slowly
		rate = 0
	}
	if f.Rate != nil {
		rate = *f.Rate
	}
	if f.BlobRate != nil {
		blobRate = *f.BlobRate
	}
	return fetch.Config{BaseURL: api.url, Token: api.token, UserAgent: "civitar/" + version(), Rate: rate, BlobRate: blobRate,
		Retries: f.Retries, Stall: f.Stall, Logger: log, HideMature: f.hideMature}
}
