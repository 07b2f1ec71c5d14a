package sandbox

import (
	"archive/tar"
	"archive/zip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Links below the origin carry a sealed "<workflow>:<number>".

func (a *account) archivePath(p *plan, what *archive) string {
	return "/v2/consumer/blobs/archive/" + a.archiveToken(p, what)
}

func (a *account) archiveToken(p *plan, what *archive) string {
	return a.sealer.seal("archive", fmt.Sprintf("%d:%d", p.index, what.number))
}

func (a *account) tracePath(p *plan, what *trace) string {
	return "/v2/consumer/streaming-blobs/" + a.traceKey(p, what)
}

func (a *account) traceKey(p *plan, what *trace) string {
	return a.sealer.seal("trace", fmt.Sprintf("%d:%d", p.index, what.number))
}

// place reads what a link carries.
func (a *account) place(text string) (p *plan, number int) {
	wf, n, _ := strings.Cut(text, ":")
	i, err := strconv.Atoi(wf)
	number, bad := strconv.Atoi(n)
	if err != nil || bad != nil || i < 0 || i >= a.state.len() {
		return nil, 0
	}
	return a.plan(i), number
}

func (a *account) archive(text string) (*plan, *archive) {
	p, n := a.place(text)
	if p == nil || n >= len(p.archives) {
		return nil, nil
	}
	return p, p.archives[n]
}

func (a *account) trace(text string) (*plan, *trace) {
	p, n := a.place(text)
	if p == nil || n >= len(p.traces) {
		return nil, nil
	}
	return p, p.traces[n]
}

// getArchive streams a zip or tar of other blobs, without a length; 410 once
// it has expired. See blobArchive on the API page.
func (s *Server) getArchive(w *response, r *http.Request, _ *faultState) {
	text, ok := s.account.sealer.open("archive", r.PathValue("token"))
	p, a := s.account.archive(text)
	switch {
	case !ok || p == nil:
		notFound(w, r, "There is no such archive.")
	case p.deleted || !s.opt.Now().Before(a.expires):
		problem(w, r, http.StatusGone, "The archive link has expired.", nil)
	default:
		w.Header().Set("Content-Type", archiveMedia(a.format))
		w.Header().Set("Content-Disposition", `attachment; filename="archive.`+a.format+`"`)
		if r.Method != http.MethodHead {
			// The client left, if this fails.
			_ = s.packArchive(w, p, a)
		}
	}
}

func archiveMedia(format string) string {
	if format == "tar" {
		return "application/x-tar"
	}
	return "application/zip"
}

// packArchive writes the same bytes every time: entries carry the time of
// their workflow.
func (s *Server) packArchive(w io.Writer, p *plan, a *archive) error {
	if a.format == "tar" {
		return s.packTar(w, p, a)
	}
	z := zip.NewWriter(w)
	for _, b := range a.entries {
		f, err := z.CreateHeader(&zip.FileHeader{Name: b.id, Method: zip.Store, Modified: p.completed})
		if err != nil {
			return fmt.Errorf("pack %s: %w", b.id, err)
		}
		if _, err := f.Write(s.cache.of(b)); err != nil {
			return fmt.Errorf("pack %s: %w", b.id, err)
		}
	}
	return z.Close()
}

func (s *Server) packTar(w io.Writer, p *plan, a *archive) error {
	t := tar.NewWriter(w)
	for _, b := range a.entries {
		data := s.cache.of(b)
		head := &tar.Header{Name: b.id, Mode: 0o644, Size: int64(len(data)), ModTime: p.completed.Truncate(1e9), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(head); err != nil {
			return fmt.Errorf("pack %s: %w", b.id, err)
		}
		if _, err := t.Write(data); err != nil {
			return fmt.Errorf("pack %s: %w", b.id, err)
		}
	}
	return t.Close()
}
