package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// programs are the tools that are here, by name.
type programs struct {
	paths    map[string]string
	versions [][]string // for the report: tool, and its version or why it is left out
}

// floors is what --tools calls the floors.
const floors = "floors"

// versionOf is how each tool is asked for its version, which is in the first line then.
func versionOf() map[string]string {
	return map[string]string{"nginx": "-v", "curl": "--version", "aria2c": "--version", "wget2": "--version", "rclone": "version", "cp": "--version"}
}

// findPrograms looks for what is wanted. civitar's binary is given.
func findPrograms(civitar string, wanted []string) (*programs, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &programs{paths: map[string]string{self: exe}}
	p.add("civitar", civitar, "version")
	if p.paths["civitar"] == "" {
		return nil, fmt.Errorf("%s %s", civitar, p.versions[0][1])
	}
	for _, name := range wanted {
		path, err := find(name)
		if err != nil {
			p.versions = append(p.versions, []string{name, "not installed, left out"})
			continue
		}
		p.add(name, path, versionOf()[name])
	}
	return p, nil
}

func (p *programs) add(name, path, flag string) {
	out, err := exec.Command(path, flag).CombinedOutput()
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	switch {
	case err != nil:
		version = "does not run, left out: " + err.Error()
	case name == "curl" && !since(version, 7, 88):
		version += ": older than 7.88, left out"
	default:
		p.paths[name] = path
	}
	p.versions = append(p.versions, []string{name, version})
}

// since tells whether a version, "curl 7.88.1 ...", is at least the one given.
func since(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "curl %d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}

// present leaves out contestants whose program is not here or not wanted.
func (p *programs) present(all []contestant, wanted map[string]bool) []contestant {
	var some []contestant
	for _, c := range all {
		name := c.tool
		if c.kind == floor {
			name = floors
		}
		if c.exe = p.paths[c.tool]; c.exe != "" && wanted[name] {
			some = append(some, c)
		}
	}
	return some
}
