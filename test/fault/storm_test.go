package fault

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/test/harness"
)

// fault is what goes wrong in a storm; the zero value is nothing.
type fault struct {
	requests *harness.Faults
	// now is the operator's clock; the real one when nil.
	now func() time.Time
	// outage runs in the middle, while what the operator writes is held; it calls goOn when nothing that is written can be
	// stored any more. Half of the scenarios act before, and half after it. May be nil.
	outage func(t *testing.T, env *harness.Env, goOn func())
	// apiServer are further flags of the API server.
	apiServer []string
}

// storm plays all scenarios at once on a control plane while a fault goes on, and compares where each ends with a run
// without a fault.
func storm(t *testing.T, f fault) {
	t.Helper()
	want := calm(t)
	got := play(t, f)
	for name, end := range want {
		wantEnd(t, name, end, got[name])
	}
}

// ends are where the scenarios end without a fault; played once for all storms.
var (
	ends map[string]end
	// watched are the resources that the operator watches.
	watched []string
)

func calm(t *testing.T) map[string]end {
	t.Helper()
	if ends == nil {
		ends = play(t, fault{})
	}
	return ends
}

// play builds the worlds without a fault, and acts and ends under it.
func play(t *testing.T, f fault) map[string]end {
	t.Helper()
	env, all, worlds, recorded := atRest(t, f.apiServer...)
	options := harness.OperatorOptions{Now: f.now}
	if f.requests != nil {
		options.Transport = f.requests.Wrap
	}
	var d *dice
	var writes *held
	if f.outage != nil {
		d = newDice(t)
		writes = newHeld(d, worlds)
		options.Transport = writes.wrap
	}
	operator := env.Operator(t, options)
	for _, w := range worlds {
		if f.now != nil {
			w.now = f.now
		}
	}
	if f.outage == nil {
		phase(t, "act", all, func(t *testing.T, i int) { all[i].act(t, worlds[i]) })
	} else {
		actAround(t, env, f.outage, writes, d, all, worlds)
	}
	phase(t, "done", all, func(t *testing.T, i int) { all[i].done(t, worlds[i]) })
	operator.WaitQuiet(t, *quiet)
	out, revisions := map[string]end{}, recorded.Revisions(t)
	for i, sc := range all {
		out[sc.name] = worlds[i].end(t, revisions)
	}
	recorded.guarded(t)
	recorded.opensOnly(t)
	wantStill(t, all, worlds, operator)
	watched = operator.Requests.Watched()
	// The run without a fault is that of many tests, and of none must its operator be left.
	stop(t, operator)
	recorded.Stop()
	return out
}

// dice choose which requests a fault meets. The seed repeats the choices; which request gets which depends on how
// the requests fall.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

func newDice(t *testing.T) *dice {
	t.Helper()
	chosen := chosenSeed()
	t.Logf("requests chosen with -seed %d", chosen)
	return &dice{random: rand.New(rand.NewPCG(chosen, chosen))}
}

// of returns a number below n.
func (d *dice) of(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(n)
}

// chosenSeed is -seed, or one by the clock.
func chosenSeed() uint64 {
	if *seed != 0 {
		return *seed
	}
	return uint64(time.Now().UnixNano())
}

// atRest returns a fresh control plane with the worlds of all scenarios made, no operator, and the recording of what
// follows.
func atRest(t *testing.T, apiServer ...string) (env *harness.Env, all []scenario, worlds []*world, recorded *recording) {
	t.Helper()
	env, all = start(t, apiServer...), scenarios()
	worlds = make([]*world, len(all))
	for i := range all {
		worlds[i] = newWorld(env, i)
	}
	operator := env.Operator(t, harness.OperatorOptions{})
	phase(t, "make", all, func(t *testing.T, i int) { all[i].make(t, worlds[i]) })
	operator.WaitQuiet(t, rest)
	stop(t, operator)
	return env, all, worlds, record(t, env, worlds...)
}

// wantStill fails where an operator wrote a child of a world in which nothing was done.
func wantStill(t *testing.T, all []scenario, worlds []*world, operators ...*harness.Operator) {
	t.Helper()
	for i, sc := range all {
		for _, o := range operators {
			if writes := childWrites(o, worlds[i]); sc.still && len(writes) > 0 {
				t.Errorf("%s: nothing was done, and the operator wrote children:%s", sc.name, harness.String(writes))
			}
		}
	}
}

// childWrites are an operator's writes of children in the namespaces of a world.
func childWrites(o *harness.Operator, w *world) []harness.Request {
	return slices.DeleteFunc(o.Requests.Writes(), func(r harness.Request) bool {
		parts := strings.Split(r.Path, "/")
		written := slices.ContainsFunc(childResources(), func(resource string) bool { return slices.Contains(parts, resource) })
		return !written || !strings.Contains(r.Path, w.a)
	})
}

// childResources are the kinds of children as in the paths of requests.
func childResources() []string {
	var out []string
	for _, row := range child.Rows() {
		plural, _ := meta.UnsafeGuessKindToResource(row.GVK)
		out = append(out, plural.Resource)
	}
	return out
}

// phase runs a step of all scenarios beside one another.
func phase(t *testing.T, name string, all []scenario, step func(t *testing.T, i int)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for i, sc := range all {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				step(t, i)
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// TestLostResponses loses the answer of every fourth write that the server did.
// Fails when an update without an answer is taken for one that is refused, and the child made anew (O2).
func TestLostResponses(t *testing.T) {
	d := newDice(t)
	storm(t, fault{requests: &harness.Faults{Answered: func(r *http.Request, _ *http.Response) error {
		if harness.IsWrite(r) && d.of(4) == 0 {
			return harness.ErrReset
		}
		return nil
	}}})
}

// TestConflicts answers half of all updates with a conflict.
// Fails when a conflict is taken for a refusal, and the child made anew (O2).
func TestConflicts(t *testing.T) {
	d := newDice(t)
	storm(t, fault{requests: &harness.Faults{Answer: func(r *http.Request) *metav1.Status {
		if harness.IsWrite(r) && r.Method != http.MethodPost && d.of(2) == 0 {
			return harness.Conflict()
		}
		return nil
	}}})
}

// TestThrottlingAndErrors answers a fifth of all requests with an error, "too many requests" or nothing in time.
// Fails when a controller gives up after a write that failed: a scenario stops half done.
func TestThrottlingAndErrors(t *testing.T) {
	d := newDice(t)
	storm(t, fault{requests: &harness.Faults{
		Fail: func(r *http.Request) error {
			if !harness.IsWatch(r) && d.of(15) == 0 {
				return context.DeadlineExceeded
			}
			return nil
		},
		Answer: func(r *http.Request) *metav1.Status {
			if harness.IsWatch(r) {
				return nil
			}
			switch d.of(14) {
			case 0:
				return harness.Failure(http.StatusInternalServerError, metav1.StatusReasonInternalError, "internal error")
			case 1:
				return harness.Failure(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "too many requests")
			default:
				return nil
			}
		},
	}})
}

// TestRepeatedAndExpiredWatches passes every event twice, and ends watches as expired.
// Fails when the caches of the platform's kinds pass over the word that a watch is expired: changes are never seen.
func TestRepeatedAndExpiredWatches(t *testing.T) {
	d := newDice(t)
	storm(t, fault{requests: &harness.Faults{Events: func(_ string, line []byte) [][]byte {
		if d.of(20) == 0 {
			return [][]byte{harness.Expired}
		}
		return [][]byte{line, line}
	}}})
}

// kinds returns the resources that the operator watches, or with -points other than 0 some that a seed chooses.
func kinds(t *testing.T) []string {
	t.Helper()
	calm(t)
	out := slices.Clone(watched)
	if len(out) < 15 {
		t.Fatalf("the operator watches only %v", out)
	}
	if *points > 0 {
		newDice(t).random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		out = out[:min(*points, len(out))]
	}
	return out
}

// TestDelayedWatches delays the events of one kind at a time.
func TestDelayedWatches(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) { storm(t, fault{requests: &harness.Faults{Late: lateOf(kind, *late)}}) })
	}
}

func lateOf(kind string, d time.Duration) func(string) time.Duration {
	return func(path string) time.Duration {
		if strings.HasSuffix(path, "/"+kind) {
			return d
		}
		return 0
	}
}

// TestDroppedEvents swallows, of one kind at a time, each fourth change and what comes in the three seconds after it; then
// the watch ends as expired, and the operator has to list.
func TestDroppedEvents(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			d := newDice(t)
			storm(t, fault{requests: &harness.Faults{
				Late: lateOf(kind, 3*time.Second),
				Events: func(path string, line []byte) [][]byte {
					if strings.HasSuffix(path, "/"+kind) && !bytes.HasPrefix(line, []byte(`{"type":"ADDED"`)) && !bytes.HasPrefix(line, []byte(`{"type":"BOOKMARK"`)) && d.of(4) == 0 {
						return [][]byte{harness.Expired}
					}
					return [][]byte{line}
				},
			}})
		})
	}
}

// TestWrongClock sets the operator's clock an hour ahead, and back.
// Fails when links are judged by the machine's clock: one that has expired by the operator's own stays open.
func TestWrongClock(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			storm(t, fault{now: func() time.Time { return time.Now().Add(by) }})
		})
	}
}

// TestAPIServerAway stops the API server in the middle of writes.
// Fails when the caches of the platform's kinds pass over the word that a watch is expired: what is done after the outage
// is never seen. Does not fail when a controller gives up after a write that failed: after an outage the caches list
// everything, and what a cache lists is an event.
func TestAPIServerAway(t *testing.T) {
	outages := []time.Duration{5 * time.Second, time.Minute}
	if *points > 0 {
		outages = outages[:1]
	}
	for _, outage := range outages {
		t.Run(outage.String(), func(t *testing.T) { storm(t, fault{outage: apiServerAway(outage)}) })
	}
}

// apiServerAway stops the API server, and starts it again a while later.
func apiServerAway(d time.Duration) func(*testing.T, *harness.Env, func()) {
	return func(t *testing.T, env *harness.Env, goOn func()) {
		t.Helper()
		if err := env.ControlPlane.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		goOn()
		time.Sleep(d)
		if err := env.ControlPlane.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompaction has etcd forget what is older than some seconds, and starts the API server again in the middle of writes
// and while all watches are open: none can be taken up where it was.
// Fails when caches take nothing of what they list again.
func TestCompaction(t *testing.T) {
	storm(t, fault{apiServer: []string{"--etcd-compaction-interval=1s"}, outage: func(t *testing.T, env *harness.Env, goOn func()) {
		time.Sleep(3 * time.Second)
		apiServerAway(0)(t, env, goOn)
	}})
}

// TestEtcdRestarts kills etcd in the middle of writes, for longer than the API server waits for it.
// Fails when a controller gives up after a write that failed: two scenarios stay half done.
func TestEtcdRestarts(t *testing.T) {
	storm(t, fault{apiServer: []string{"--request-timeout=4s"}, outage: func(t *testing.T, env *harness.Env, goOn func()) {
		t.Helper()
		if err := env.ControlPlane.RestartEtcd(t.Context(), func() { goOn(); time.Sleep(6 * time.Second) }); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error { return env.Admin.List(t.Context(), &v1alpha1.AgencyList{}) })
	}})
}
