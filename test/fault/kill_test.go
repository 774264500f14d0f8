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
// a seed chooses.
func TestKillPoints(t *testing.T) {
	want := map[string]end{}
	t.Run("no fault", func(t *testing.T) { killRun(t, -1, true, want) })
	if *points == 0 {
		for n := range mostWrites {
			reached := false
			for _, before := range []bool{true, false} {
				t.Run(name(n, before), func(t *testing.T) { reached = killRun(t, n, before, want) || reached })
			}
			if !reached {
				return
			}
		}
		t.Errorf("a scenario writes more than %d times", mostWrites)
	}
	d := newDice(t)
	for range *points {
		// Most scenarios write less than ten times.
		n, before := d.of(10), d.of(2) == 0
		t.Run(name(n, before), func(t *testing.T) { killRun(t, n, before, want) })
	}
}

func name(n int, before bool) string {
	if before {
		return fmt.Sprintf("before write %d", n)
	}
	return fmt.Sprintf("after write %d", n)
}

// killRun plays all scenarios beside one another on a fresh control plane, and kills the operator, as each world sees it,
// at its n-th write. It reports whether any world had as many.
func killRun(t *testing.T, n int, before bool, want map[string]end) (reached bool) {
	t.Helper()
	env, all, worlds, recorded := atRest(t)
	killer := newDeaths(n, before, worlds)
	dying := env.Operator(t, harness.OperatorOptions{Transport: killer.wrap})
	phase(t, "act", all, func(t *testing.T, i int) { all[i].act(t, worlds[i]) })
	if n >= 0 {
		awaitDeaths(killer, worlds)
		stop(t, dying)
		dying = env.Operator(t, harness.OperatorOptions{})
	}
	phase(t, "done", all, func(t *testing.T, i int) { all[i].done(t, worlds[i]) })
	dying.WaitQuiet(t, *quiet)
	revisions := recorded.Revisions(t)
	for i, sc := range all {
		at := killer.diedAt(worlds[i])
		reached = reached || at != ""
		got := worlds[i].end(t, revisions)
		if n < 0 {
			want[sc.name] = got
		} else {
			wantEnd(t, fmt.Sprintf("%s, killed at %q", sc.name, at), want[sc.name], got)
		}
	}
	recorded.guarded(t)
	recorded.opensOnly(t)
	return reached
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
