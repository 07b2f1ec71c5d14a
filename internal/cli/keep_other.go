//go:build darwin || windows

package cli

// osKeyring is a part of the system.
func osKeyring(func(string) string) Keyring { return systemKeyring{} }
