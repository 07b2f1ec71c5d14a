package manifest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkAppend takes in groups as a run over small pictures writes them: 256 files, every
// fifth a workflow's.
func BenchmarkAppend(b *testing.B) {
	m, err := Open(context.Background(), b.TempDir(), Options{Source: Sandbox})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	at := time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)
	group := func(n int) []Line {
		var lines []Line
		for i := range 51 {
			wf := fmt.Sprintf("8484131-20260810%09d", n*51+i)
			for j := range 4 {
				id := fmt.Sprintf("72bb48c5-4362-46c4-b455-%012x-%d.jpg", n*51+i, j)
				lines = append(lines, Blob{Time: at, Run: "RUN", Workflow: wf, Created: at, Step: "$0", Type: "imageGen", Blob: id, State: Kept, Asked: true,
					Path: "media/2026-08-10/" + wf + "_" + id, Size: 16384, SHA256: fmt.Sprintf("%064x", i*4+j), Media: "image/jpeg", NSFW: "pg13"})
			}
			lines = append(lines, Workflow{Time: at, Run: "RUN", Workflow: wf, Created: at, Completed: at, Status: "succeeded",
				Sidecar: "workflows/2026-08-10/" + wf + ".json", Print: "0123456789abcdef", Size: 4000, SHA256: fmt.Sprintf("%064x", i)})
		}
		return lines
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := m.Append(context.Background(), group(n)); err != nil {
			b.Fatal(err)
		}
	}
}
