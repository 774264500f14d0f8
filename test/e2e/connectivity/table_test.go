package connectivity

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	rows := []Source{{Name: "finance/tax"}, {Name: "kho bạc"}}
	columns := []Target{{Name: "web"}, {Name: "dns", Kind: DNS}}
	table := NewTable(rows, columns, func(from Source, to Target) State {
		switch {
		case from.Name == "kho bạc" && to.Kind == DNS:
			return Ignored
		case to.Name == "web":
			return Closed
		}
		return Open
	})
	if got := len(table.Differences()); got != 3 {
		t.Errorf("%d differences before anything was tried, want 3: what nobody tried is not closed", got)
	}

	table.tried = [][]bool{{true, true}, {true, false}}
	table.attempts = [][]Attempt{{{Open: true}, {Error: "no such host"}}, {{}, {}}}
	want := []string{
		"finance/tax -> web: want closed, is open",
		"finance/tax -> dns: want open, is closed (no such host)",
	}
	if got := table.Differences(); !slices.Equal(got, want) {
		t.Errorf("differences:\n%s", strings.Join(got, "\n"))
	}
	printed := "from \\ to    web           dns\n" +
		"finance/tax  open !closed  - !open\n" +
		"kho bạc      -\n"
	if got := table.String(); got != printed {
		t.Errorf("table:\n%s\nwant:\n%s", got, printed)
	}
}

func TestWindows(t *testing.T) {
	// The lines come in the order in which attempts end, so the closed one at 100 ms comes late.
	log := `{"time":"2025-01-01T00:00:00Z","open":false}
{"time":"2025-01-01T00:00:00.05Z","open":true}
{"time":"2025-01-01T00:00:00.15Z","open":true}
{"time":"2025-01-01T00:00:00.2Z","open":true}
{"time":"2025-01-01T00:00:00.1Z","open":false}
{"time":"2025-01-01T00:00:00.25`
	attempts, err := ReadLoop(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	windows := Windows(attempts)
	if len(attempts) != 5 || len(windows) != 2 {
		t.Fatalf("%d attempts, windows %v, want 5 and 2", len(attempts), windows)
	}
	if windows[0].Attempts != 1 || windows[0].Length() != 0 || windows[1].Attempts != 2 || windows[1].Length() != 50*time.Millisecond {
		t.Errorf("windows: %v", windows)
	}
	if _, err := ReadLoop(strings.NewReader("broken\n{}\n")); err == nil {
		t.Error("a broken line in the middle is no error")
	}
}
