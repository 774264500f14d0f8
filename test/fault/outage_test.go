package fault

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/test/harness"
)

// held keeps back what an operator writes until an outage has begun, which then meets rounds in the middle of their
// writes: by itself the operator is done with everything before anybody can stop a server.
type held struct {
	next http.RoundTripper
	open chan struct{}

	mu     sync.Mutex
	worlds map[*world]*heldWorld
}

type heldWorld struct {
	// pass is how many writes pass before all others are held.
	pass int
	// loses is set where the server does the first that is held, and its answer is lost.
	loses bool
	holds bool
	// failed counts the writes that the outage made fail.
	failed int
}

func newHeld(d *dice, worlds []*world) *held {
	h := &held{open: make(chan struct{}), worlds: map[*world]*heldWorld{}}
	for _, w := range worlds {
		h.worlds[w] = &heldWorld{pass: d.of(2), loses: d.of(3) == 0}
	}
	return h
}

func (h *held) wrap(next http.RoundTripper) http.RoundTripper { h.next = next; return h }

func (h *held) RoundTrip(req *http.Request) (*http.Response, error) {
	w := h.worlds[worldOf(req, maps.Keys(h.worlds))]
	if w == nil || !harness.IsWrite(req) {
		return h.next.RoundTrip(req)
	}
	holds, loses := h.take(w)
	if !holds {
		return h.next.RoundTrip(req)
	}
	if loses {
		if res, err := h.next.RoundTrip(req); err == nil {
			_ = res.Body.Close()
		}
	}
	select {
	case <-h.open:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	var res *http.Response
	err := harness.ErrReset
	if !loses {
		res, err = h.next.RoundTrip(req)
	}
	if err != nil || res.StatusCode >= http.StatusInternalServerError {
		h.mu.Lock()
		w.failed++
		h.mu.Unlock()
	}
	return res, err
}

// take says whether a write is held, and whether its answer is lost.
func (h *held) take(w *heldWorld) (holds, loses bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.pass > 0 {
		w.pass--
		return false, false
	}
	loses = w.loses && !w.holds
	w.holds = true
	return true, loses
}

// count counts the worlds that are as take says.
func (h *held) count(take func(*heldWorld) bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.worlds {
		if take(w) {
			n++
		}
	}
	return n
}

// actAround lets half of the scenarios act before an outage, which begins when the operator writes for them, and the
// others as soon as it is over, and waits until Kubernetes runs pods again.
func actAround(t *testing.T, env *harness.Env, outage func(*testing.T, *harness.Env, func()), h *held, d *dice, all []scenario, worlds []*world) {
	t.Helper()
	before := map[int]bool{}
	for _, i := range d.random.Perm(len(all))[:len(all)/2] {
		before[i] = true
	}
	act := func(early bool) func(*testing.T, int) {
		return func(t *testing.T, i int) {
			t.Helper()
			if before[i] == early {
				all[i].act(t, worlds[i])
			}
		}
	}
	phase(t, "act before", all, act(true))
	// Some write nothing, or no more than what passes.
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if h.count(func(w *heldWorld) bool { return w.holds }) == len(before) {
			break
		}
	}
	outage(t, env, sync.OnceFunc(func() { close(h.open) }))
	n := h.count(func(w *heldWorld) bool { return w.failed > 0 })
	t.Logf("the outage met the writes of %d scenarios of %d", n, len(before))
	if n < len(before)/2 {
		t.Errorf("the outage met the writes of only %d scenarios: the test does not reach what it is for", n)
	}
	phase(t, "act after", all, act(false))
	podsRun(t, env)
}

// podsRun waits until the components of Kubernetes, which an outage meets too, make pods and run them.
func podsRun(t *testing.T, env *harness.Env) {
	t.Helper()
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "canary"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "canary", Image: "canary"}}},
	}
	canary := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "canary"},
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}, Template: pod},
	}
	if err := env.Admin.Create(t.Context(), canary); err != nil {
		t.Fatal(err)
	}
	within(t, 3*time.Minute, "Kubernetes runs pods again", func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(canary), canary); err != nil || canary.Status.AvailableReplicas != 1 {
			return fmt.Errorf("%d pods run (%w)", canary.Status.AvailableReplicas, err)
		}
		return nil
	})
}
