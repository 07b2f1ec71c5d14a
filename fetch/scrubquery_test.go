package fetch

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestQueriesAreFoundAsThePatternSays compares nextQuery with what it stands for.
func TestQueriesAreFoundAsThePatternSays(t *testing.T) {
	pattern := regexp.MustCompile("(?:\\?|%(?:25)*3[fF]|\\\\+u003[fF])(?:[^\\s\"'<>`(){}\\[\\],|\\\\]|\\\\+u00[0-9a-fA-F]{2}|\\\\+/)*")
	pieces := []string{"?", "%3f", "%253F", "%25", "%", "3f", `\u003f`, `\\u003F`, `\u0026`, `\u00zz`, `\u00`, `\`, `\\`, `\/`, "/", "sig=", "a", "é", " ", "\t", `"`, "'", "(", "]", ",", "|", "&", "\v", "\x00", "\xff"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		var text strings.Builder
		for range random.IntN(12) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		var got [][]int
		for at := 0; ; {
			start, end := nextQuery(text.String(), at)
			if start < 0 {
				break
			}
			got = append(got, []int{start, end})
			at = end
		}
		if want := pattern.FindAllStringIndex(text.String(), -1); !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: %v, want %v", text.String(), got, want)
		}
	}
}
