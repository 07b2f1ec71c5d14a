package pipeline

import (
	"path"
	"strings"
	"time"

	"civitar/fetch"
	"civitar/layout"
	"civitar/policy"
	"civitar/sink"
)

// Filing says how results are filed: under which names, in which tree, encrypted or not,
// and what stands beside them. The zero value is an archive's default.
type Filing struct {
	Layout     *layout.Layout // nil: the default
	Mature     Mature
	EncryptAll bool // what is not mature too
	Beside     Beside
	MTime      MTime
}

// Mature says where mature results go, and unrated ones with them.
type Mature string

// The ways with mature results.
const (
	Same     Mature = ""         // among the others
	Separate Mature = "separate" // in a tree of their own
	Encrypt  Mature = "encrypt"  // among the others, encrypted
)

// Beside is what stands beside each file, besides the workflow's JSON.
type Beside string

// What can stand beside a file.
const (
	Nothing    Beside = ""
	XMP        Beside = "xmp"
	Parameters Beside = "txt"
)

// MTime says which time files get.
type MTime string

// The times that files can get.
const (
	Completed MTime = ""        // of their workflow; where it is not known, its creation
	Created   MTime = "created" // of their workflow
	Now       MTime = "now"
)

// SealedExt ends the names of encrypted files.
const SealedExt = ".age"

const (
	mediaRoot    = "media"
	matureRoot   = "mature"
	workflowRoot = "workflows"
)

// Encrypts tells whether files of the archive are encrypted, some or all.
func (f Filing) Encrypts() bool { return f.EncryptAll || f.Mature == Encrypt }

// NeedsSidecars tells whether names, or what stands beside files, are made of what only
// the workflows' JSON tells.
func (f Filing) NeedsSidecars() bool {
	return f.Layout.Uses("index", "seed", "ecosystem", "model", "prompt", "tags") || f.Beside != Nothing
}

// seals tells whether a file is encrypted.
func (f Filing) seals(sensitive bool) bool {
	return f.EncryptAll || f.Mature == Encrypt && sensitive
}

func named(name string, sealed bool) string {
	if sealed {
		return name + SealedExt
	}
	return name
}

// sealsSidecar tells whether a workflow's JSON is encrypted.
func (f Filing) sealsSidecar(w *fetch.Workflow) bool { return f.seals(policy.SensitiveWorkflow(w)) }

// sidecar is the path of a workflow's JSON.
func (f Filing) sidecar(w *fetch.Workflow, sealed bool) string {
	name := path.Join(workflowRoot, day(w.Created), sink.Element(string(w.ID)+".json"))
	if f.Mature == Separate && policy.SensitiveWorkflow(w) {
		name = path.Join(matureRoot, name)
	}
	return named(name, sealed)
}

// media is the path of a blob's file, of which the bytes have told the type and the
// extension.
func (f Filing) media(j *job, ext string, sealed bool) string {
	name := fileName(string(j.blob.ID), j.facts.Media, ext)
	ext = path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	root := mediaRoot
	if f.Mature == Separate && policy.Sensitive(j.level()) {
		root = matureRoot
	}
	return named(path.Join(root, f.Layout.Path(j.fields(f.Layout, stem), ext)), sealed)
}

// beside is the path of the file that stands beside the one at a path.
func (f Filing) beside(name string) string {
	bare, sealed := strings.CutSuffix(name, SealedExt)
	switch f.Beside {
	case XMP:
		bare += ".xmp"
	case Parameters: // readers of these look for the same name with another extension
		bare = strings.TrimSuffix(bare, path.Ext(bare)) + ".txt"
	}
	if sealed {
		bare += SealedExt
	}
	return bare
}

// time is the one that the files of a workflow get; zero leaves them that of their writing.
func (f Filing) time(w *fetch.Workflow) time.Time {
	switch {
	case f.MTime == Now:
		return time.Time{}
	case f.MTime == Created || w.Completed.IsZero():
		return w.Created
	}
	return w.Completed
}
