package fault

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/govplatform/govplatform/test/harness"
)

// mostWrites is more than any scenario writes.
const mostWrites = 40

// rest is how long nothing may be written before a world counts as made.
const rest = 4 * time.Second

// TestKillPoints kills the operator before and after a write of every scenario, starts it again, and compares where it
// ends with a run without a fault (O1, O2), that it then is silent (O3), and that at every revision each workload has
// its guards and nothing is open that is open neither before nor after (O5). Without -points=0 it tries some points that
// a seed chooses. A run in which no operator died fails.
// Fails when what there is at a start is no event: the guard of a portal stays that was deleted before the operator died.
func TestKillPoints(t *testing.T) {
	calm := killRun(t, "no fault", -1, true, nil)
	for _, sc := range scenarios() {
		if !t.Failed() && !sc.still && calm.writes[sc.name] == 0 {
			t.Fatalf("%s: the operator writes nothing: the test does not reach what it is for", sc.name)
		}
	}
	if *points == 0 {
		everyPoint(t, calm)
		return
	}
	d := newDice(t)
	all := scenarios()
	for range *points {
		n, before := d.of(max(1, calm.writes[all[d.of(len(all))].name])), d.of(2) == 0
		if run := killRun(t, name(n, before), n, before, calm.ends); !run.reached {
			t.Errorf("%s: no scenario writes so often, and no operator died", name(n, before))
		}
	}
}

// everyPoint kills the operator at each write, until no scenario has as many.
func everyPoint(t *testing.T, calm killed) {
	t.Helper()
	for n := range mostWrites {
		reached := false
		for _, before := range []bool{true, false} {
			reached = killRun(t, name(n, before), n, before, calm.ends).reached || reached
		}
		if !reached {
			if n == 0 {
				t.Error("no operator died")
			}
			return
		}
	}
	t.Errorf("a scenario writes more than %d times", mostWrites)
}

func name(n int, before bool) string {
	if before {
		return fmt.Sprintf("before write %d", n)
	}
	return fmt.Sprintf("after write %d", n)
}

// killed is what a run had.
type killed struct {
	ends map[string]end
	// writes counts what the operator wrote for each scenario, before it died.
	writes map[string]int
	// reached is true when an operator died.
	reached bool
}

// killRun plays all scenarios beside one another on a fresh control plane, and kills the operator, as each world sees it,
// at its n-th write; never when n is negative. It compares where they end with what is wanted.
func killRun(t *testing.T, name string, n int, before bool, want map[string]end) (out killed) {
	t.Helper()
	if !t.Run(name, func(t *testing.T) { out = playKilled(t, n, before, want) }) {
		// A run that failed may have ended before anybody died.
		out.reached = true
	}
	return out
}

func playKilled(t *testing.T, n int, before bool, want map[string]end) killed {
	t.Helper()
	out := killed{ends: map[string]end{}, writes: map[string]int{}}
	env, all, worlds, recorded := atRest(t)
	killer := newDeaths(n, before, worlds)
	operator := env.Operator(t, harness.OperatorOptions{Transport: killer.wrap})
	phase(t, "act", all, func(t *testing.T, i int) { all[i].act(t, worlds[i]) })
	first := operator
	if n >= 0 {
		awaitDeaths(killer, worlds)
		stop(t, first)
		operator = env.Operator(t, harness.OperatorOptions{})
	}
	phase(t, "done", all, func(t *testing.T, i int) { all[i].done(t, worlds[i]) })
	operator.WaitQuiet(t, *quiet)
	revisions := recorded.Revisions(t)
	for i, sc := range all {
		at := killer.diedAt(worlds[i])
		if at != "" {
			out.reached = true
			t.Logf("%s: killed at %s", sc.name, at)
		}
		out.ends[sc.name], out.writes[sc.name] = worlds[i].end(t, revisions), killer.writesOf(worlds[i])
		if want != nil {
			wantEnd(t, fmt.Sprintf("%s, killed at %q", sc.name, at), want[sc.name], out.ends[sc.name])
		}
	}
	recorded.guarded(t)
	recorded.opensOnly(t)
	wantStill(t, all, worlds, first, operator)
	return out
}

// awaitDeaths waits until every world's operator is dead, or seems to have no more to write.
func awaitDeaths(d *deaths, worlds []*world) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if !slices.ContainsFunc(worlds, func(w *world) bool { return d.diedAt(w) == "" }) {
			return
		}
	}
}

// stop ends an operator, which may take a while as long as requests hang.
func stop(t *testing.T, op *harness.Operator) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- op.Stop() }()
	select {
	case err := <-done:
		if err != nil {
			t.Logf("the operator ended with %v", err)
		}
	case <-time.After(harness.Timeout):
		t.Fatal("the operator does not end")
	}
}
