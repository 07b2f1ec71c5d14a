// Package pack keeps an archive in one file: a tar, a tar.zst or a zip. The files of the
// archive are its members, under the same paths.
//
// What belongs to an archive of the name all.tar stands beside it:
//
//	all.tar            the package, only ever whole: a run that came to its end has named it
//	all.tar.partial    the same while a run adds to it, and after one that was cut off
//	all.tar.civitar/   the record (journal, index, lock), and unfinished downloads
//
// A group of files is appended and synced, then its places are written into the record's
// members.db, and then the journal speaks of it. So whatever a crash leaves behind the last
// member that the journal vouches for can be cut off, and that is how [Open] begins. A
// finished package ends with a copy of the journal, so that it stands alone: [Restore] makes
// the record from it.
//
// Nothing in a package changes but for one thing: a member that the record has let go of
// becomes a blank of the same length. Memory does not grow with the package.
package pack

import (
	"os"
	"path/filepath"
	"strings"

	"civitar/export"
	"civitar/sink"
)

// Place is where an archive in a package lies: the package's file.
type Place string

const (
	partialExt = ".partial"
	stateExt   = ".civitar"
)

// Is tells whether the name of an archive is a package's, and no folder's that is there.
func Is(dest string) bool {
	if strings.Contains(dest, "://") {
		return false
	}
	info, err := os.Stat(dest)
	return Named(dest) && (err != nil || !info.IsDir())
}

// Named tells whether a name ends as a package's.
func Named(name string) bool { return formOf(name) != nil }

// Unlike tells a name that ends as that of a package of a kind that is not made.
func Unlike(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz", ".tgz", ".xz", ".txz", ".bz2", ".zst", ".tzst", ".7z", ".rar":
		return !Named(name)
	}
	return false
}

// Dir is the folder of the record.
func (p Place) Dir() string { return string(p) + stateExt }

// Partial is the file's name while the package is not whole.
func (p Place) Partial() string { return string(p) + partialExt }

func (p Place) membersFile() string { return filepath.Join(p.Dir(), sink.StateDir, membersName) }

// formOf is the form of the package of a name, nil for none.
func formOf(name string) form {
	switch export.FormatOf(name) {
	case export.Tar:
		return tarForm{}
	case export.TarZst:
		return &zstForm{}
	case export.Zip:
		return &zipForm{}
	}
	return nil
}
