package main

import (
	"path/filepath"
	"strconv"
)

// transfers is how many transfers a tool may have at once.
const transfers = 16

var atOnce = strconv.Itoa(transfers)

// kind sorts what is measured.
type kind int

const (
	own   kind = iota // civitar
	peer              // another tool, which is given what civitar must find
	floor             // what cannot be beaten
)

// contestant is a command that is measured.
type contestant struct {
	name string // of the row or column
	tool string // the program
	exe  string // its path
	kind kind
	args func(t task) []string
	// durable: what it wrote is on the disk when it ends. Of others, a sync is part of
	// the time.
	durable bool
	// flagless: it is as users get it, and another target goes for it.
	flagless bool
	// writes: it leaves the blobs as files, and they are looked for.
	writes bool
}

// task is what a command is to work on.
type task struct {
	*workload
	dest string // the folder for the files, new and empty
}

func (t task) list(name string) string { return filepath.Join(t.lists, name) }

// self is the tool that this program is.
const self = "bench"

// contestants are all that can be measured on a workload.
func contestants(w *workload) []contestant {
	peers := []contestant{curl(), aria2(), wget2(), rclone()}
	if w.far {
		return append([]contestant{civitar(), flagless()}, peers...)
	}
	return append(append([]contestant{civitar()}, peers...), copying(), hashing(), receiving(), barely())
}

// civitar lists by itself; URL and token are in its environment. Its limits of pace are for
// the service's sake, and none of the peers has one.
func civitar() contestant {
	return contestant{name: "civitar", tool: "civitar", kind: own, durable: true, writes: true, args: func(t task) []string {
		return []string{"archive", t.dest, "--workers", atOnce, "--rate", "0", "--blob-rate", "0", "--quiet"}
	}}
}

func flagless() contestant {
	return contestant{name: "civitar, no flags", tool: "civitar", kind: own, durable: true, writes: true, flagless: true, args: func(t task) []string {
		return []string{"archive", t.dest}
	}}
}

// curl has one process and one thread. --parallel-immediate has it open connections at once,
// and not wait whether the first one can take more than one transfer, which HTTP/1.1 cannot.
func curl() contestant {
	return contestant{name: "curl", tool: "curl", kind: peer, writes: true, args: func(t task) []string {
		return append(curlArgs(), "--output-dir", t.dest, "--config", t.list(curlList))
	}}
}

func curlArgs() []string {
	return []string{"--disable", "--silent", "--show-error", "--no-progress-meter", "--fail", "--location",
		"--parallel", "--parallel-immediate", "--parallel-max", atOnce}
}

// aria2 is kept from dividing a file between connections: 16 transfers are 16 files for
// everyone. Allocating files beforehand gains nothing here. It syncs every file that it has
// written, which no option keeps it from.
func aria2() contestant {
	return contestant{name: "aria2c", tool: "aria2c", kind: peer, writes: true, args: func(t task) []string {
		return []string{"--no-conf", "--quiet", "--summary-interval=0", "--max-concurrent-downloads=" + atOnce,
			"--split=1", "--file-allocation=none", "--auto-save-interval=0", "--deferred-input=true",
			"--dir=" + t.dest, "--input-file=" + t.list(aria2List)}
	}}
}

// wget2 is spared the extended attributes that it would write to each file. Only where the
// URLs are signed is it told to leave the signature out of the names, since it makes folders
// then.
func wget2() contestant {
	return contestant{name: "wget2", tool: "wget2", kind: peer, writes: true, args: func(t task) []string {
		args := []string{"--quiet", "--max-threads=" + atOnce, "--no-xattr", "--directory-prefix=" + t.dest, "--input-file=" + t.list(urlList)}
		if t.far {
			return append(args, "--cut-file-get-vars")
		}
		return args
	}}
}

// rclone reads from a web server as from a remote: the names are listed, so it neither asks
// for folders nor, without HEAD, for files beforehand. A name of such a remote cannot hold a
// signature, so where one is needed, the token goes with each request.
func rclone() contestant {
	return contestant{name: "rclone", tool: "rclone", kind: peer, writes: true, args: func(t task) []string {
		args := []string{"copy", ":http:", t.dest, "--config", "", "--http-no-head", "--files-from-raw", t.list(nameList),
			"--no-traverse", "--no-check-dest", "--ignore-checksum", "--transfers", atOnce, "--checkers", atOnce, "--http-url"}
		if t.far {
			return append(args, t.api+"/v2/consumer/blobs/", "--http-headers", "Authorization,Bearer "+token)
		}
		return append(args, t.api+"/v2/consumer/blobs/content/")
	}}
}

// copying is the floor of the disk.
func copying() contestant {
	return contestant{name: "cp -r and sync", tool: "cp", kind: floor, writes: true, args: func(t task) []string {
		return []string{"-r", t.dir + "/.", t.dest}
	}}
}

// hashing is the floor of the hash: SHA-256 of all blobs by one core, from the page cache. It
// is this very program.
func hashing() contestant {
	return contestant{name: "SHA-256, one core", tool: self, kind: floor, durable: true, args: func(t task) []string {
		return []string{hashCommand, t.dir}
	}}
}

// receiving is the floor of the network and the server.
func receiving() contestant {
	return contestant{name: "curl to nowhere", tool: "curl", kind: floor, durable: true, args: func(t task) []string {
		return append(curlArgs(), "--config", t.list(nullList))
	}}
}

// barely is the floor of all that together, in Go: see bareCommand. It is this very program.
func barely() contestant {
	return contestant{name: "fetch, hash, name and sync", tool: self, kind: floor, durable: true, writes: true, args: func(t task) []string {
		return []string{bareCommand, t.list(urlList), t.dest}
	}}
}
