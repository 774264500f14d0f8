package kinds

import (
	"slices"
	"strings"
	"testing"
)

// TestRoomsHaveNoCircle: of two rooms at most one may import the other, so that their
// graph has no circle. The rule of .golangci.yml says which.
// Fails with a line of deny taken out of a room's block in .golangci.yml.
func TestRoomsHaveNoCircle(t *testing.T) {
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string
						Deny  []struct{ Pkg string }
					}
				}
			}
		}
	}
	if err := parse(repo, ".golangci.yml", &config); err != nil {
		t.Fatal(err)
	}
	denied := map[string][]string{}
	for _, rule := range config.Linters.Settings.Depguard.Rules {
		for _, file := range rule.Files {
			of, ok := strings.CutPrefix(file, "**/internal/kinds/")
			if !ok || !strings.HasSuffix(of, "/**") {
				continue
			}
			for _, d := range rule.Deny {
				if _, other, ok := strings.Cut(d.Pkg, "/internal/kinds/"); ok {
					of := strings.TrimSuffix(of, "/**")
					denied[of] = append(denied[of], other)
				}
			}
		}
	}
	for i, a := range All() {
		for _, b := range All()[i+1:] {
			if !slices.Contains(denied[a.Room()], b.Room()) && !slices.Contains(denied[b.Room()], a.Room()) {
				t.Errorf(".golangci.yml: internal/kinds/%[1]s and internal/kinds/%[2]s may import each other: deny one in the depguard block of the other, which it rests on", a.Room(), b.Room())
			}
		}
	}
}
