package export

import (
	"errors"
	"os"
	"syscall"

	"github.com/gofrs/flock"
)

// BusyError says that another export is writing a package of that name.
type BusyError struct{ Name string }

func (e *BusyError) Error() string { return e.Name + " is being written by another export" }

// takeLock keeps two exports from writing one package, where the file system has locks. The
// lock ends with the process; its file goes with the export.
func takeLock(out string) (release func(), err error) {
	name := out + partialExt + ".lock"
	lock := flock.New(name)
	ok, err := lock.TryLock()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) {
		ok, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	if !ok || !same(lock, name) {
		_ = lock.Close()
		return nil, &BusyError{out}
	}
	return func() {
		gone := os.Remove(name) // while it is held, since afterwards it may be another's
		_ = lock.Close()
		if gone != nil { // as on Windows, which removes no open files
			_ = os.Remove(name)
		}
	}, nil
}

// same tells whether a lock is still the file of that name, and not one that an export that
// has just ended took away.
func same(lock *flock.Flock, name string) bool {
	held, err := lock.Stat()
	if err != nil {
		return true // held without a file
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(held, there)
}
