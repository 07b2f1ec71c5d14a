package sandbox

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// MaxWait bounds the wait parameter of a single workflow, so that an answer
// comes within the API page's 100 seconds.
const MaxWait = 90 * time.Second

// getWorkflow follows "One: workflow, step, job" on the API page.
func (s *Server) getWorkflow(w *response, r *http.Request, _ *faultState) {
	p := &params{values: r.URL.Query()}
	v := s.view(r)
	v.hideMature = p.flag("hideMatureContent")
	wait := waitParam(p)
	if p.bad != nil {
		p.bad.answer(w, r)
		return
	}
	found, ok := s.account.workflow(r.PathValue("id"))
	if ok && wait > 0 {
		found, ok = s.await(r.Context(), found, wait)
	}
	if !ok || found.deleted {
		notFound(w, r, "The workflow was not found.")
		return
	}
	status := http.StatusOK
	if wait > 0 && !terminal(found.status) {
		status = http.StatusAccepted
	}
	writeJSON(w, status, "application/json; charset=utf-8", v.appendObject(nil, v.workflow(found)))
}

// waitParam is in seconds; fractions are accepted.
func waitParam(p *params) time.Duration {
	text := p.values.Get("wait")
	if text == "" {
		return 0
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0) {
		p.refuse(http.StatusBadRequest, "wait", "The value '"+text+"' is not valid.")
		return 0
	}
	return time.Duration(min(seconds, MaxWait.Seconds()) * float64(time.Second))
}

// await blocks until the workflow ends, the time is over or the client left.
func (s *Server) await(ctx context.Context, p *plan, wait time.Duration) (*plan, bool) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for !terminal(p.status) {
		changed := s.account.state.next()
		p = s.account.plan(p.index)
		if terminal(p.status) {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p, true
		}
	}
	return p, true
}

func (s *Server) getStep(w *response, r *http.Request, _ *faultState) {
	found, ok := s.account.workflow(r.PathValue("id"))
	if !ok || found.deleted {
		notFound(w, r, "The workflow was not found.")
		return
	}
	step := found.step(r.PathValue("name"))
	if step == nil {
		notFound(w, r, "The workflow has no such step.")
		return
	}
	p := &params{values: r.URL.Query()}
	v := s.view(r)
	v.hideMature = p.flag("hideMatureContent")
	if p.bad != nil {
		p.bad.answer(w, r)
		return
	}
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", v.append(nil, step))
}

// getJob is the older API. Half of the jobs come without the job wrapper.
func (s *Server) getJob(w *response, r *http.Request, _ *faultState) {
	p, step := s.account.job(r.PathValue("id"))
	if p == nil || p.deleted {
		notFound(w, r, "The job was not found.")
		return
	}
	params := &params{values: r.URL.Query()}
	detailed := params.flag("detailed")
	if params.bad != nil {
		params.bad.answer(w, r)
		return
	}
	v := s.view(r)
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", v.appendObject(nil, jobJSON(p, step, detailed)))
}

func jobJSON(p *plan, step *step, detailed bool) object {
	r := newRNG(mixString(step.job))
	results, scan := p.scanned(step)
	job := obj("id", step.job, "type", step.typ, "createdAt", when(p.created),
		"params", obj("prompt", paramsOf(p.metadata).get("prompt"), "negativePrompt", nil), "properties", obj("workflowId", p.id),
		"promptClassificationResult", obj("sexual", false, "young", scan.minors, "cr", nil, "scan", r.float()))
	event := obj("type", step.status, "dateTime", instant(p.completed), "provider", "sandbox")
	if detailed {
		worker, csam := hexWord(r.next())[:6], r.float()/1000
		if scan.minors {
			csam += 0.9
		}
		event = event.with("workerId", "worker-"+worker, "jobDuration", "00:00:12.5",
			"context", obj("hive_csam_score", csam, "hive_vlm_summary", "a generated picture", "blocked_reason", scan.reason, "nsfwLevel", scan.level))
	}
	rest := obj("cost", 8, "result", results, "lastEvent", event)
	if r.chance(50) {
		return append(job, rest...)
	}
	return append(obj("job", job), rest...)
}

// scan is what the scanners said of a job's results.
type scan struct {
	level, reason any // null where they said nothing
	minors        bool
}

func (p *plan) scanned(step *step) (results list, said scan) {
	for _, b := range p.blobs {
		if b.step != step {
			continue
		}
		results = append(results, obj("blobKey", b.id, "available", b.available()))
		said.level, said.minors = b.level, said.minors || b.minors()
		if b.reason != "" {
			said.reason = b.reason
		}
	}
	return results, said
}

func mixString(text string) uint64 {
	h := uint64(len(text))
	for i := range len(text) {
		h = mix(h ^ uint64(text[i]))
	}
	return h
}
