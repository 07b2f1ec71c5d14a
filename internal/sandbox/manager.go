package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ManagerTake is the largest Take of the manager API unless Faults say so.
const ManagerTake = 100

// listForManager answers /v1/manager/workflows: other parameter names, enums
// in PascalCase, and on older deployments a bare array.
func (s *Server) listForManager(w *response, r *http.Request, f *faultState) {
	q, bad := s.managerQuery(r.URL.Query(), f)
	if bad != nil {
		bad.answer(w, r)
		return
	}
	v := s.view(r)
	v.pascal, v.listing = true, true
	var page batch
	if user := r.URL.Query().Get("UserId"); user == "" || user == strconv.Itoa(UserID) {
		page = s.read(r, q, f)
	}
	body := v.page(page, f.NextCursorName)
	if f.BareArray {
		body = v.items(nil, page)
	}
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", body)
}

func (s *Server) managerQuery(values url.Values, f *faultState) (query, *refusal) {
	p := &params{values: values}
	most := ManagerTake
	if f.ManagerTake > 0 {
		most = f.ManagerTake
	}
	take := p.count("Take", min(10, most), MaxTake)
	if take > most {
		p.refuse(http.StatusBadRequest, "Take", fmt.Sprintf("The field Take must be between 1 and %d.", most))
	}
	if user := values.Get("UserId"); user != "" {
		if _, err := strconv.Atoi(user); err != nil {
			p.refuse(http.StatusBadRequest, "UserId", "The value '"+user+"' is not valid.")
		}
	}
	q := query{
		take: take, tags: values["Tags"], text: strings.ToLower(values.Get("Query")), ascending: p.flag("Inverse"),
		excludeFailed: p.flag("ExcludeFailed"), cursor: values.Get("Cursor"),
	}
	q.at = s.readCursor(p, "Cursor", q)
	return q, p.bad
}
