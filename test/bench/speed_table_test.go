package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// figure is a row of the table. Less is better, but for what is at least.
type figure struct {
	name string
	// must and goal are what it is held to; the same where there is no more to reach,
	// and nothing where the figure only explains others.
	must, goal *float64
	atLeast    bool
	format     string
	values     []float64
}

func bounded(name, format string, must, goal float64) *figure {
	return &figure{name: name, must: &must, goal: &goal, format: format}
}

func shown(name, format string) *figure { return &figure{name: name, format: format} }

// table is what the benchmark prints in the end.
type table struct {
	*testing.B
	figures []*figure
}

// newTable has the figures of the design, and between them what explains them.
func newTable(b *testing.B) *table {
	ratio := bounded("throughput: B/A2", "%.2f", 0.70, 0.85)
	ratio.atLeast = true
	return &table{B: b, figures: []*figure{
		ratio,
		shown("throughput: B/A1", "%.2f"),
		shown("throughput: A2/A1", "%.2f"),
		bounded("writes per portal created, beyond K+1", "%.2f", 0, 0),
		bounded("conflicts while portals are created", "%.0f", 0, 0),
		shown("events per portal created", "%.2f"),
		shown("rounds per portal created, of all controllers", "%.2f"),
		bounded("reads past the cache per round after the sync", "%.3f", 0, 0),
		bounded("forced look at all: requests", "%.0f", 0, 0),
		bounded("forced look at all: ms of processor per portal", "%.2f", noBound, 1),
		bounded("spec change, p99: child on another watch / a bare PUT", "%.2f", 3, 2),
		bounded("a policy over all portals: writes beyond the changed children", "%.0f", 0, 0),
		bounded("a policy over all portals: time / bare PUTs of the same", "%.2f", 1.2, 1.2),
		shown("a policy over all portals: rounds per portal", "%.2f"),
		bounded("a policy edit that changes nothing: child writes", "%.0f", 0, 0),
		bounded("a portal edited during that, p99 in ms", "%.0f", 1000, 300),
		bounded("restart: writes of what portals have", "%.0f", 0, 0),
		bounded("restart: caches filled / a bare informer sync", "%.2f", 1.5, 1.2),
		bounded("restart: all reconciled / a bare informer sync", "%.2f", 1.5, 1.2),
		bounded("heap in KiB for each further portal", "%.1f", 24, 12),
	}}
}

// noBound is that of a figure that has a goal and nothing that it must reach.
const noBound = 1e9

func (t *table) add(name string, value float64) {
	t.Helper()
	i := slices.IndexFunc(t.figures, func(f *figure) bool { return f.name == name })
	if i < 0 {
		t.Fatalf("the table has no figure %q", name)
	}
	t.figures[i].values = append(t.figures[i].values, value)
}

func (f *figure) show(v float64) string {
	if v >= noBound {
		return "-"
	}
	s := fmt.Sprintf(f.format, v)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if f.atLeast {
		return "≥ " + s
	}
	return "≤ " + s
}

// reached says which of its bounds a value reaches.
func (f *figure) reached(v float64) string {
	within := func(bound float64) bool { return f.atLeast && v >= bound || !f.atLeast && v <= bound }
	switch {
	case f.must == nil:
		return ""
	case within(*f.goal):
		return "goal"
	case within(*f.must):
		return "must"
	default:
		return "MISSED"
	}
}

func (t *table) print(title string) {
	fmt.Printf("\n%s\n\n| %-62s | %8s | %17s | %7s | %7s | %-8s |\n|%s|%s|%s|%s|%s|%s|\n", title, "Figure", "Median", "Range", "Must", "Goal", "Reached",
		dashes(64), dashes(10), dashes(19), dashes(9), dashes(9), dashes(10))
	for _, f := range t.figures {
		if len(f.values) == 0 {
			continue // It was not asked for.
		}
		mid := median(f.values)
		must, goal := "", ""
		if f.must != nil {
			must, goal = f.show(*f.must), f.show(*f.goal)
		}
		span := fmt.Sprintf(f.format+" to "+f.format, slices.Min(f.values), slices.Max(f.values))
		fmt.Printf("| %-62s | %8s | %17s | %7s | %7s | %-8s |\n", f.name, fmt.Sprintf(f.format, mid), span, must, goal, f.reached(mid))
	}
}

func dashes(n int) string { return strings.Repeat("-", n) }

// median lies between two where there is no middle one.
func median[T ~float64 | ~int64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
