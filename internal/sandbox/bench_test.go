package sandbox

import (
	"net/http/httptest"
	"testing"
)

func benchmarkPage(b *testing.B, o Options) {
	s := New(o)
	r := httptest.NewRequest("GET", "/v2/consumer/workflows?take=100", nil)
	r.Header.Set("Authorization", "Bearer "+DefaultToken)
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatalf("status %d", w.Code)
		}
	}
}

func BenchmarkPage(b *testing.B)     { benchmarkPage(b, Options{}) }
func BenchmarkTinyPage(b *testing.B) { benchmarkPage(b, Options{Tiny: true, Workflows: 1_000_000}) }

func BenchmarkTinyContent(b *testing.B) {
	s := New(Options{Tiny: true, Workflows: 1_000_000})
	id := s.account.plan(500_000).blobs[2].id
	r := httptest.NewRequest("GET", "/v2/consumer/blobs/content/"+s.contentToken(httptest.NewRequest("GET", "/", nil), &blob{id: id}), nil)
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatalf("status %d", w.Code)
		}
	}
}
