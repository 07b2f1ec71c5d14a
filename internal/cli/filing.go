package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"civitar/internal/vault"
	"civitar/layout"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/sink"
)

// filingFlags say how results are filed. An archive remembers what it was begun with.
type filingFlags struct {
	Layout     string   `placeholder:"TEMPLATE" group:"file" help:"Names of results, see civitar layout (default {date}/{workflow}_{blob})."`
	Mature     string   `placeholder:"HOW" values:"same,separate,encrypt" group:"file" help:"Mature and unrated results: same (default), separate (below mature/) or encrypt."`
	EncryptAll bool     `group:"file" help:"Encrypt everything, not only what is mature."`
	Recipient  []string `placeholder:"KEY" sep:"none" group:"file" help:"Whom to encrypt to: age1…, ssh-ed25519 … or a file of such keys; repeat for more."`
	Sidecar    string   `placeholder:"KIND" values:"xmp,txt,none" group:"file" help:"Beside each file: xmp, txt (A1111 parameters) or none (default)."`
	MTime      string   `name:"mtime" placeholder:"TIME" values:"completed,created,now" group:"file" help:"Time of the files: completed (default), created or now."`
}

// check finds what is wrong with the flags themselves.
func (f *filingFlags) check() error {
	for _, flag := range []struct {
		name, value string
		known       []string
	}{
		{"mature", f.Mature, []string{"same", "separate", "encrypt"}},
		{"sidecar", f.Sidecar, []string{"xmp", "txt", "none"}},
		{"mtime", f.MTime, []string{"completed", "created", "now"}},
	} {
		if flag.value != "" && !slices.Contains(flag.known, flag.value) {
			return usagef("--%s must be %s", flag.name, strings.Join(flag.known, ", "))
		}
	}
	if f.Layout != "" {
		if _, err := layout.Parse(f.Layout); err != nil {
			return usageError{fmt.Errorf("--layout: %w", err)}
		}
	}
	return nil
}

// asked is what the flags ask for, on top of how the archive was begun.
func (f *filingFlags) asked(begun manifest.Files) (manifest.Files, error) {
	files := begun
	files.EncryptAll = begun.EncryptAll || f.EncryptAll
	set := func(to *string, value, standard string) {
		if value == standard {
			*to = ""
		} else if value != "" {
			*to = value
		}
	}
	set(&files.Layout, f.Layout, layout.Default)
	set(&files.Mature, f.Mature, "same")
	set(&files.Sidecar, f.Sidecar, "none")
	set(&files.MTime, f.MTime, "completed")
	if len(f.Recipient) > 0 {
		files.Recipients = nil
		for _, r := range f.Recipient {
			keys, err := vault.ParseRecipient(r)
			if err != nil {
				return files, usageError{fmt.Errorf("--recipient: %w", err)}
			}
			for _, k := range keys {
				files.Recipients = append(files.Recipients, k.String())
			}
		}
		if _, err := sealerFor(files.Recipients); err != nil {
			return files, usageError{fmt.Errorf("--recipient: %w", err)}
		}
	}
	return files, nil
}

func sealerFor(recipients []string) (*vault.Sealer, error) {
	var keys []vault.Recipient
	for _, r := range recipients {
		some, err := vault.ParseRecipient(r)
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
	return vault.NewSealer(keys)
}

// checkFiles finds what does not go together.
func checkFiles(files manifest.Files) error {
	encrypts := files.EncryptAll || files.Mature == string(pipeline.Encrypt)
	switch l, err := layoutOf(files); {
	case err != nil:
		return err
	case encrypts && len(files.Recipients) == 0:
		return usagef("encrypting needs somebody who can decrypt: give --recipient with a public key (age-keygen makes a pair)")
	case !encrypts && len(files.Recipients) > 0:
		return usagef("--recipient is of no use without --mature encrypt or --encrypt-all")
	case encrypts && l.Uses("prompt", "tags"):
		return usagef("the names of files are not encrypted: a --layout with {prompt} or {tags} would tell what is in them")
	}
	return nil
}

func layoutOf(files manifest.Files) (*layout.Layout, error) {
	return layout.Parse(cmp.Or(files.Layout, layout.Default))
}

// settle compares what is asked for with how the archive was begun, and writes down what
// is new. What decides where files are cannot change from run to run: an archive in which
// some mature results are apart and others are not would look safe.
func (f *filingFlags) settle(ctx context.Context, record *manifest.Manifest, run string) (manifest.Files, error) {
	begun, err := record.Filing(ctx)
	if err != nil {
		return begun, err
	}
	totals, err := record.Totals(ctx)
	if err != nil {
		return begun, err
	}
	files, err := f.agreed(begun, totals.Workflows > 0)
	if err != nil || sameFiles(files, begun) {
		return files, err
	}
	return files, record.Append(ctx, []manifest.Line{manifest.Filing{Time: time.Now().UTC(), Run: run, Filing: files}})
}

// agreed is how an archive files that was begun like this, and holds something or not.
func (f *filingFlags) agreed(begun manifest.Files, holds bool) (manifest.Files, error) {
	files, err := f.asked(begun)
	if err != nil || sameFiles(files, begun) {
		return files, err
	}
	if holds {
		if err := fixed(files, begun); err != nil {
			return begun, err
		}
	}
	return files, checkFiles(files)
}

// fixed refuses what an archive that holds something cannot change.
func fixed(files, begun manifest.Files) error {
	switch {
	case files.Layout != begun.Layout:
		return usagef("the archive's layout is %s: civitar relayout --layout changes it", cmp.Or(begun.Layout, layout.Default))
	case files.Mature != begun.Mature && (files.Mature == string(pipeline.Encrypt) || begun.Mature == string(pipeline.Encrypt)), files.EncryptAll != begun.EncryptAll:
		return usagef("an archive is encrypted from its start or never: give another folder")
	case files.Mature != begun.Mature:
		return usagef("the archive files mature results the way \"%s\": civitar relayout --mature changes it", cmp.Or(begun.Mature, "same"))
	}
	return nil
}

func sameFiles(a, b manifest.Files) bool {
	same := slices.Equal(a.Recipients, b.Recipients)
	a.Recipients, b.Recipients = nil, nil
	return same && a.Layout == b.Layout && a.Mature == b.Mature && a.EncryptAll == b.EncryptAll && a.Sidecar == b.Sidecar && a.MTime == b.MTime
}

// filingOf is how the pipeline files, and what the sink needs for it.
func filingOf(files manifest.Files) (pipeline.Filing, []sink.Option, error) {
	f := pipeline.Filing{Mature: pipeline.Mature(files.Mature), EncryptAll: files.EncryptAll,
		Beside: pipeline.Beside(files.Sidecar), MTime: pipeline.MTime(files.MTime)}
	var err error
	if f.Layout, err = layoutOf(files); err != nil {
		return f, nil, fmt.Errorf("the archive's layout cannot be read: %w", err)
	}
	if !f.Encrypts() {
		return f, nil, nil
	}
	sealer, err := sealerFor(files.Recipients)
	if err != nil {
		return f, nil, fmt.Errorf("the archive's recipients cannot be used: %w", err)
	}
	return f, []sink.Option{sink.WithSealer(sealer)}, nil
}
