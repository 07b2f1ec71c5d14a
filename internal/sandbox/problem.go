package sandbox

import (
	"net/http"
	"strconv"
)

// problem answers RFC 7807 problem details, as the API page's "Base, auth,
// errors" has them. fields, by parameter, is only for 400 and 422.
func problem(w http.ResponseWriter, r *http.Request, status int, detail string, fields map[string]string) {
	body := obj("type", "https://tools.ietf.org/html/rfc9110#section-15", "title", problemTitle(status),
		"status", status, "detail", detail, "instance", r.URL.Path)
	if fields != nil {
		errors := object{}
		for name, what := range fields {
			errors = append(errors, member{name, []string{what}})
		}
		body = body.with("errors", errors)
	}
	writeJSON(w, status, "application/problem+json; charset=utf-8", (&view{}).append(nil, body))
}

func problemTitle(status int) string {
	if status == http.StatusBadRequest {
		return "One or more validation errors occurred."
	}
	return http.StatusText(status)
}

func writeJSON(w http.ResponseWriter, status int, media string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that left is no concern of the server's.
	_, _ = w.Write(body)
}

func unauthorized(w http.ResponseWriter, r *http.Request, detail string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	problem(w, r, http.StatusUnauthorized, detail, nil)
}

func notFound(w http.ResponseWriter, r *http.Request, detail string) {
	problem(w, r, http.StatusNotFound, detail, nil)
}

func invalid(w http.ResponseWriter, r *http.Request, status int, field, what string) {
	problem(w, r, status, "See the errors property for details.", map[string]string{field: what})
}
