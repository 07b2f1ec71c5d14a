package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine describes where the measurement was made, without names and paths.
func machine(dir string) [][]string {
	rows := [][]string{{"cores", fmt.Sprintf("%d, %s", runtime.NumCPU(), processor())}}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		rows = append(rows, []string{"memory", fmt.Sprintf("%.1f GB", float64(info.Totalram)*float64(info.Unit)/1e9)})
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		rows = append(rows, []string{"kernel", unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:]) + ", " + runtime.GOARCH})
	}
	return append(rows, []string{"file system", fileSystem(dir)})
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// describe names a type of file system, and for ext4 whether it has a journal, which decides
// what a sync costs.
func describe(kind []string) string {
	if len(kind) < 2 || kind[0] != "ext4" {
		return strings.Join(kind[:min(1, len(kind))], "")
	}
	device := filepath.Base(kind[1])
	if _, err := os.Stat("/proc/fs/ext4/" + device); err != nil {
		return kind[0]
	}
	if journals, _ := filepath.Glob("/proc/fs/jbd2/" + device + "-*"); len(journals) == 0 {
		return kind[0] + " without a journal"
	}
	return kind[0] + " with a journal"
}

// fileSystem finds the mount that holds dir (proc_pid_mountinfo(5)): its type and options.
func fileSystem(dir string) string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "unknown"
	}
	found, at := "unknown", ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		mount, kind, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if !ok || len(fields) < 6 {
			continue
		}
		inside := path == fields[4] || strings.HasPrefix(path, strings.TrimSuffix(fields[4], "/")+"/")
		if inside && len(fields[4]) >= len(at) { // a later mount hides an earlier one
			at, found = fields[4], describe(strings.Fields(kind))+", "+fields[5]
		}
	}
	return found
}
