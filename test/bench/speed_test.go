package bench

import (
	"fmt"
	"os"
	"testing"
)

// BenchmarkSpeed measures the operator against what the API server is capable of, on
// the same machine in the same run: N portals (1000), ROUNDS rounds (5) of each arm
// and each figure by turns, all printed, and in the end one table with the median and
// range of each figure beside what it must reach. GROW (2 N) is up to how many
// portals the heap is measured; 10000 for the figure of the design, about ten minutes
// more. AT is at how many requests at once the bare client is fastest, if that is known;
// PART=arms or PART=figures measures only these.
//
// An arm has a control plane of its own, with the data of the same template: agencies,
// and N portals that nobody has reconciled. A1 is a bare client that sends what the
// operator was recorded to write for them, byte for byte; A2 is A1 while the
// operator's watches and indexes are open; B is the operator. An arm's time is that
// from its first such write to its last one. Nothing here passes or fails by time.
func BenchmarkSpeed(b *testing.B) {
	stopShared()
	for range b.N {
		runSpeed(b, fromEnv("N", 1000), fromEnv("ROUNDS", 5))
	}
}

func runSpeed(b *testing.B, n, rounds int) {
	grow := fromEnv("GROW", 2*n)
	table := newTable(b)
	t := newTemplate(b, n)
	fmt.Printf("%d portals with K = %d children\n", n, t.children())
	at := fromEnv("AT", 0)
	if at == 0 {
		at = t.plateau(b)
	}
	if part := os.Getenv("PART"); part != "figures" {
		t.arms(b, rounds, at, table)
	}
	if part := os.Getenv("PART"); part != "arms" {
		t.figures(b, rounds, at, grow, table)
	}
	table.print(fmt.Sprintf("N = %d, K = %d, %d rounds, bare client at its plateau of %d requests at once", n, t.children(), rounds, at))
	if ratio := table.figures[0].values; len(ratio) > 0 {
		b.ReportMetric(median(ratio), "B/A2")
	}
}
