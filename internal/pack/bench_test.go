package pack

import (
	"fmt"
	"path/filepath"
	"testing"
)

func BenchmarkCommit(b *testing.B) {
	for _, name := range []string{"a.tar", "a.tar.zst", "a.zip"} {
		b.Run(name, func(b *testing.B) {
			a := open(b, Place(filepath.Join(b.TempDir(), name)))
			n := 0
			for b.Loop() {
				group := map[string][]byte{}
				for range 128 {
					n++
					ext := "png"
					if n%5 == 0 {
						ext = "json"
					}
					group[fmt.Sprintf("media/2026-08-10/8484131-20260810223715659_%08d.%s", n, ext)] = make([]byte, 1500)
				}
				a.add(b, true, group)
			}
			a.close(b)
		})
	}
}
