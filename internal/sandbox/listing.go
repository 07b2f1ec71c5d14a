package sandbox

import (
	"archive/zip"
	"bytes"
	"net/http"
	"strings"
	"time"
)

// batch is a page of workflows before it is written.
type batch struct {
	plans []*plan
	next  string // empty: the last page
}

// read walks the account from the query's place until the page is full. A
// page ends with a cursor only if another workflow matches after it.
func (s *Server) read(r *http.Request, q query, f *faultState) batch {
	lo, hi := s.bounds(q)
	at, step := hi-1, -1
	if q.ascending {
		at, step = lo, 1
	}
	if q.at.set {
		at = q.at.index
	}
	if f.EmptyPages && !q.at.empty {
		return batch{next: s.writeCursor(cursor{index: at, empty: true}, q.ascending)}
	}
	var out batch
	for ; at >= lo && at < hi && r.Context().Err() == nil; at += step {
		p := s.account.plan(at)
		if !q.matches(p) {
			continue
		}
		if len(out.plans) == q.take {
			out.next = s.writeCursor(cursor{index: at}, q.ascending)
			return out
		}
		out.plans = append(out.plans, p)
	}
	if f.RepeatCursor {
		out.next = q.cursor
		if out.next == "" {
			out.next = s.writeCursor(cursor{index: at}, q.ascending)
		}
	}
	return out
}

// bounds turns the dates, both inclusive, into numbers lo <= i < hi.
func (s *Server) bounds(q query) (lo, hi int) {
	hi = s.account.state.len()
	if !q.from.IsZero() {
		lo = s.account.timeline.since(q.from, hi)
	}
	if !q.to.IsZero() {
		hi = s.account.timeline.since(q.to.Add(time.Nanosecond), hi)
	}
	return lo, hi
}

func (s *Server) listWorkflows(w *response, r *http.Request, f *faultState) {
	q, bad := s.consumerQuery(r.URL.Query())
	if bad != nil {
		bad.answer(w, r)
		return
	}
	v := s.view(r)
	v.hideMature, v.listing = q.hideMature, true
	if f.ExpireListed {
		v.expires = expStamp(s.opt.Now().Add(-time.Hour))
	}
	page := s.read(r, q, f)
	body := v.page(page, f.NextCursorName)
	if strings.Contains(r.Header.Get("Accept"), "application/zip") {
		s.sendZip(w, r, body)
		return
	}
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", body)
}

func (v *view) page(b batch, otherName bool) []byte {
	dst := make([]byte, 0, 256+1536*len(b.plans))
	dst = append(dst, '{')
	if b.next != "" {
		name := "next"
		if otherName {
			name = "nextCursor"
		}
		dst = append(appendString(append(appendString(dst, name), ':'), b.next), ',')
	}
	dst = append(dst, `"items":`...)
	return append(v.items(dst, b), '}')
}

func (v *view) items(dst []byte, b batch) []byte {
	return appendList(dst, b.plans, func(dst []byte, p *plan) []byte {
		return v.appendObject(dst, v.workflow(p))
	})
}

// sendZip answers a page as a zip. The API page does not say what is in it;
// here it is the page's JSON.
func (s *Server) sendZip(w http.ResponseWriter, r *http.Request, body []byte) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	f, err := z.Create("workflows.json")
	if err == nil {
		_, err = f.Write(body)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		problem(w, r, http.StatusInternalServerError, "The page could not be packed.", nil)
		return
	}
	writeJSON(w, http.StatusOK, "application/zip", out.Bytes())
}
