package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// controls are the paths for tests in other processes; see the package
// comment. They are no part of the simulated API.
func (s *Server) controls() {
	s.mux.HandleFunc("GET /_sandbox/truth", s.serveTruth)
	s.mux.HandleFunc("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		sendControl(w, s.Stats())
	})
	s.mux.HandleFunc("POST /_sandbox/finish", func(w http.ResponseWriter, _ *http.Request) {
		s.FinishProcessing()
		sendControl(w, map[string]int{"workflows": s.Len()})
	})
	s.mux.HandleFunc("POST /_sandbox/add", s.controlAdd)
	s.mux.HandleFunc("POST /_sandbox/faults", s.controlFaults)
	s.controlChange("level", s.SetLevel)
	s.controlChange("blocked", s.SetBlocked)
	s.controlChange("hidden", func(id, value string) bool {
		hidden, err := strconv.ParseBool(value)
		return err == nil && s.SetHidden(id, hidden)
	})
}

func (s *Server) serveTruth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	for e := range s.Truth() {
		if r.Context().Err() != nil || lines.Encode(e) != nil {
			return
		}
	}
	_ = out.Flush()
}

func (s *Server) controlAdd(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 {
		http.Error(w, "n must be a number from 0", http.StatusBadRequest)
		return
	}
	s.Add(n)
	sendControl(w, map[string]int{"workflows": s.Len()})
}

// controlChange takes /_sandbox/level?id=…&value=… and the like.
func (s *Server) controlChange(what string, set func(id, value string) bool) {
	s.mux.HandleFunc("POST /_sandbox/"+what, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		id, value := q.Get("id"), q.Get("value")
		if !set(id, value) {
			http.Error(w, "there is no such id, or the value is not valid", http.StatusBadRequest)
			return
		}
		sendControl(w, map[string]string{"id": id, what: value})
	})
}

// controlFaults refuses names it does not know: a misspelt fault would make
// a test pass for nothing.
func (s *Server) controlFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	in.DisallowUnknownFields()
	if err := in.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.SetFaults(f)
	sendControl(w, f)
}

func sendControl(w http.ResponseWriter, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", append(body, '\n'))
}
