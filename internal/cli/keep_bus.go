//go:build !darwin && !windows

package cli

import (
	"os"
	"path/filepath"
)

// osKeyring is the one behind the session bus, if there is a bus: without it, the library
// would start one, on a server in vain.
func osKeyring(env func(string) string) Keyring {
	dir := env("XDG_RUNTIME_DIR")
	_, err := os.Stat(filepath.Join(dir, "bus"))
	if env("DBUS_SESSION_BUS_ADDRESS") == "" && (dir == "" || err != nil) {
		return nil
	}
	return systemKeyring{}
}
