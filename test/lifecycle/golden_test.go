package lifecycle

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// changing is what differs from run to run in what a command prints.
var changing = []struct {
	what *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "00000000-0000-0000-0000-000000000000"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-01-01T00:00:00Z"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:0"},
}

// assertGolden compares what a command printed with a golden file, or writes it
// with -update.
func assertGolden(t *testing.T, name, printed string) {
	t.Helper()
	for _, c := range changing {
		printed = c.what.ReplaceAllString(printed, c.is)
	}
	printed = sortedKinds(printed)
	path := filepath.Join("testdata", "printed", name)
	if *update {
		if err := os.WriteFile(path, []byte(printed), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), printed); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./test/lifecycle -update writes it anew:\n%s", path, diff)
	}
}

// sortedKinds sorts successive lines of one kind: objects of one second have the
// order of their UIDs.
func sortedKinds(printed string) string {
	kind := func(line string) string { first, _, _ := strings.Cut(line, " "); return first }
	lines := strings.Split(printed, "\n")
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && kind(lines[to]) == kind(lines[from]) {
			to++
		}
		slices.Sort(lines[from:to])
		from = to
	}
	return strings.Join(lines, "\n")
}
