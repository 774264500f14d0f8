package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// storm plays all scenarios at once on a control plane while a fault goes on, and compares where each ends with a run
// without a fault. The middle runs between the acts and the end.
func storm(t *testing.T, s *harness.Faults, middle func(*harness.Env)) {
	t.Helper()
	want := calm(t)
	got := play(t, s, middle)
	for name, end := range want {
		wantEnd(t, name, end, got[name])
	}
}

// ends are where the scenarios end without a fault; played once for all storms.
var ends map[string]end

func calm(t *testing.T) map[string]end {
	t.Helper()
	if ends == nil {
		ends = play(t, nil, nil)
	}
	return ends
}

// play builds the worlds without a fault, and acts and ends under it.
func play(t *testing.T, s *harness.Faults, middle func(*harness.Env)) map[string]end {
	t.Helper()
	env, all, worlds, recorded := atRest(t)
	options := harness.OperatorOptions{}
	if s != nil {
		options.Transport = s.Wrap
	}
	operator := env.Operator(t, options)
	phase(t, "act", all, func(t *testing.T, i int) { all[i].act(t, worlds[i]) })
	if middle != nil {
		middle(env)
	}
	phase(t, "done", all, func(t *testing.T, i int) { all[i].done(t, worlds[i]) })
	operator.WaitQuiet(t, *quiet)
	out, revisions := map[string]end{}, recorded.Revisions(t)
	for i, sc := range all {
		out[sc.name] = worlds[i].end(t, revisions)
	}
	recorded.guarded(t)
	recorded.opensOnly(t)
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
func atRest(t *testing.T) (env *harness.Env, all []scenario, worlds []*world, recorded *recording) {
	t.Helper()
	env, all = start(t), scenarios()
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
func TestLostResponses(t *testing.T) {
	d := newDice(t)
	storm(t, &harness.Faults{Answered: func(r *http.Request, _ *http.Response) error {
		if harness.IsWrite(r) && d.of(4) == 0 {
			return harness.ErrReset
		}
		return nil
	}}, nil)
}

// TestConflicts answers half of all updates with a conflict.
func TestConflicts(t *testing.T) {
	d := newDice(t)
	storm(t, &harness.Faults{Answer: func(r *http.Request) *metav1.Status {
		if harness.IsWrite(r) && r.Method != http.MethodPost && d.of(2) == 0 {
			return harness.Conflict()
		}
		return nil
	}}, nil)
}

// TestThrottlingAndErrors answers a fifth of all requests with an error, "too many requests" or nothing in time.
func TestThrottlingAndErrors(t *testing.T) {
	d := newDice(t)
	storm(t, &harness.Faults{
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
	}, nil)
}

// TestRepeatedAndExpiredWatches passes every event twice, and ends watches as expired.
func TestRepeatedAndExpiredWatches(t *testing.T) {
	d := newDice(t)
	storm(t, &harness.Faults{Events: func(_ string, line []byte) [][]byte {
		if d.of(20) == 0 {
			return [][]byte{harness.Expired}
		}
		return [][]byte{line, line}
	}}, nil)
}

// watched are the kinds whose watch is delayed, one at a time.
var watched = []string{
	"pods", "deployments", "networkpolicies", "namespaces", "services",
	"agencies", "agencyportals", "securitypolicies", "dataservices", "datasharinglinks", "datasharingapprovals", "sharedplatforms",
}

// TestDelayedWatches delays the events of one kind at a time by six seconds. With -points other than 0, some kinds that a
// seed chooses.
func TestDelayedWatches(t *testing.T) {
	kinds := slices.Clone(watched)
	if *points > 0 {
		newDice(t).random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		kinds = kinds[:min(*points, len(kinds))]
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			storm(t, &harness.Faults{Late: func(path string) time.Duration {
				if strings.HasSuffix(path, "/"+kind) {
					return 6 * time.Second
				}
				return 0
			}}, nil)
		})
	}
}

// TestAPIServerAway stops the API server in the middle.
func TestAPIServerAway(t *testing.T) {
	outages := []time.Duration{5 * time.Second, time.Minute}
	if *points > 0 {
		outages = outages[:1]
	}
	for _, outage := range outages {
		t.Run(outage.String(), func(t *testing.T) {
			storm(t, nil, func(env *harness.Env) {
				if err := env.ControlPlane.StopAPIServer(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(outage)
				if err := env.ControlPlane.StartAPIServer(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestEtcdRestarts kills etcd in the middle and starts it again.
func TestEtcdRestarts(t *testing.T) {
	storm(t, nil, func(env *harness.Env) {
		if err := env.ControlPlane.RestartEtcd(t.Context(), 3*time.Second); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error { return env.Admin.List(t.Context(), &v1alpha1.AgencyList{}) })
	})
}

// TestPoisonAmongMany has one portal that cannot be written among others: the others are Ready, and it says why.
func TestPoisonAmongMany(t *testing.T) {
	env := start(t)
	poison := &harness.Faults{Answer: func(r *http.Request) *metav1.Status {
		if harness.IsWrite(r) && strings.HasSuffix(r.URL.Path, "/deployments") && strings.Contains(bodyOf(r), "poison") {
			return harness.Invalid("spec", "poison")
		}
		return nil
	}}
	env.Operator(t, harness.OperatorOptions{Transport: poison.Wrap})
	w := newWorld(env, 0)
	w.makeAgency(t)
	bad := harness.Portal(w.a, "poison", small)
	w.create(t, bad)
	var good []*v1alpha1.AgencyPortal
	for i := range 15 {
		p := harness.Portal(w.a, fmt.Sprintf("good-%d", i), small)
		w.create(t, p)
		good = append(good, p)
	}
	for _, p := range good {
		env.WaitReady(t, p)
	}
	env.WaitCondition(t, bad, v1alpha1.ConditionReady, metav1.ConditionFalse, "")
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(bad), bad); err != nil {
		t.Fatal(err)
	}
	if got := conditionOf(bad, v1alpha1.ConditionReady); !strings.Contains(got, "poison") {
		t.Errorf("the portal that cannot be written says %q, want the cause", got)
	}
}
