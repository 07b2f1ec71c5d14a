package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The lists that peers are given, each in the form that it takes; the folder for the files
// is no part of them.
const (
	urlList   = "urls.txt"      // a URL a line
	nameList  = "names.txt"     // a blob's id a line
	curlList  = "curl.txt"      // curl's configuration: a URL and a name for its file
	nullList  = "curl-null.txt" // the same, to nowhere
	aria2List = "aria2.txt"     // aria2's input file: a URL and an option for it
)

// writeLists writes a workload's lists. The URLs are those that civitar finds in the listing.
func writeLists(w *workload, link func(blob string) string) error {
	forms := map[string]func(id string) string{
		urlList:   func(id string) string { return link(id) + "\n" },
		nameList:  func(id string) string { return id + "\n" },
		curlList:  func(id string) string { return fmt.Sprintf("url = %q\noutput = %q\n", link(id), id) },
		nullList:  func(id string) string { return fmt.Sprintf("url = %q\noutput = %q\n", link(id), os.DevNull) },
		aria2List: func(id string) string { return fmt.Sprintf("%s\n  out=%s\n", link(id), id) },
	}
	if err := os.MkdirAll(w.lists, 0o755); err != nil {
		return err
	}
	for name, form := range forms {
		if err := writeList(filepath.Join(w.lists, name), w.blobs, form); err != nil {
			return err
		}
	}
	return nil
}

func writeList(path string, blobs []string, form func(id string) string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	for _, id := range blobs {
		_, _ = out.WriteString(form(id)) // an error stays until Flush
	}
	return errors.Join(out.Flush(), f.Close())
}
