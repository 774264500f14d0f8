package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// killInterval is how often a pod of the operator is killed.
	killInterval = 3 * time.Second
	// portalsPerAgency and disturbedAgencies are how many portals come up while the operator is killed.
	portalsPerAgency  = 10
	disturbedAgencies = 3
)

// TestOperatorKilled kills the pods of the operator in turn, one every few seconds, while portals come up, and compares
// the outcome with that of an agency whose portals came up undisturbed.
func TestOperatorKilled(t *testing.T) {
	k, prober := clients(t)
	env := platform(t)
	settleOperator(t)

	// The same portals without any disturbance came up with the sample.
	calm := &v1alpha1.Agency{}
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: calmAgency}, calm); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, env, calm)

	var agencies []*v1alpha1.Agency
	for i := range disturbedAgencies {
		agencies = append(agencies, newAgency(t, fmt.Sprintf("storm-%d", i)))
	}
	withControl(t, k, monitoring)
	var targets []string
	// The operator's pods that replace killed ones take addresses too.
	for _, address := range nextAddresses(t, 0, portalsPerAgency*disturbedAgencies+20) {
		targets = append(targets, address+":8080")
	}
	l := startLoop(t, k, stranger, "storm", 400*time.Millisecond, false, targets...)
	log := watchRevisions(t, k)

	var portals []reconcile.Object
	kills := 0
	var progress []string
	next := time.Now().Add(killInterval / 2)
	kill := func() {
		if time.Now().Before(next) {
			return
		}
		next = time.Now().Add(killInterval)
		holder, _ := leader(t.Context())
		pod := operatorPods(t)[0]
		grace := int64(0)
		uid := pod.UID
		if err := env.Admin.Delete(t.Context(), &pod, client.GracePeriodSeconds(grace), client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		kills++
		was := "other"
		if strings.HasPrefix(holder, pod.Name+"_") {
			was = "leader"
		}
		progress = append(progress, fmt.Sprintf("%s at %d portals", was, len(portals)))
	}
	began := time.Now()
	for i := range portalsPerAgency {
		for _, agency := range agencies {
			p := smallPortal(agency.Name, fmt.Sprintf("portal-%d", i))
			create(t, env, p)
			portals = append(portals, p)
			kill()
			time.Sleep(400 * time.Millisecond)
		}
	}
	created := time.Now()
	waitReady(t, env, portals...)
	t.Logf("%d portals were created in %.1f s, while the operator was killed %d times (%s); all were ready %.1f s later",
		len(portals), created.Sub(began).Seconds(), kills, strings.Join(progress, ", "), time.Since(created).Seconds())
	if kills < 4 {
		t.Errorf("the operator was killed %d times, want at least 4", kills)
	}
	for _, agency := range agencies {
		eventually(t, harness.Timeout, func() error {
			if got := snapshot(t, env, agency); got != want {
				return fmt.Errorf("the end state of %s differs from that of %s:\n%s", agency.Name, calm.Name, firstDifference(want, got))
			}
			return nil
		})
	}

	// The table: monitoring reaches all, a stranger and a neighbour none.
	ends := map[string]end{"monitoring": {role: monitoringRole}, "another namespace": {role: strangerRole}}
	rows := []connectivity.Source{
		{Name: "monitoring", Pod: connectivity.Pod{Namespace: monitoring, Name: "control"}},
		{Name: "another namespace", Pod: connectivity.Pod{Namespace: stranger, Name: "control"}},
	}
	var columns []connectivity.Target
	for n, p := range portals {
		name := fmt.Sprint(n + 1)
		pod := readyPod(t, p.GetNamespace(), p.GetName())
		ends[name] = end{role: portalRole, portal: p.GetName(), pod: p.GetNamespace() + pod.Name}
		columns = append(columns, connectivity.Target{Name: name, Address: pod.Status.PodIP + ":8080"})
		if n < len(agencies) {
			row := p.GetNamespace()
			ends[row] = ends[name]
			rows = append(rows, connectivity.Source{Name: row, Pod: connectivity.Pod{Namespace: p.GetNamespace(), Name: pod.Name}})
		}
	}
	observe(t, prober, connectivity.NewTable(rows, columns, expected(ends)))
	l.finish(t)
	var namespaces []string
	for _, agency := range agencies {
		namespaces = append(namespaces, names.Namespace(agency.Name))
	}
	l.neverReached(t, log.lives(namespaces...), "8080")
	log.alwaysGuarded(t)
}

// snapshot returns the end state of an agency without what differs between two agencies by nature.
func snapshot(t *testing.T, env *harness.Env, agency *v1alpha1.Agency) string {
	t.Helper()
	text, err := env.Snapshot(t.Context(), harness.InAgency(agency.Name))
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, agency.Name, "AGENCY")
	return strings.ReplaceAll(text, agency.Spec.Code, "CODE")
}

// firstDifference returns the first lines that differ.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			from := max(0, i-12)
			return fmt.Sprintf("line %d:\n%s\n- %s\n+ %s", i+1, strings.Join(w[from:i], "\n"), w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// settleOperator waits until both pods of the operator are available and one of them leads.
func settleOperator(t *testing.T) {
	t.Helper()
	eventually(t, patience, func() error {
		pods := operatorPods(t)
		if len(pods) != 2 {
			return fmt.Errorf("%d pods of the operator, want 2", len(pods))
		}
		for i := range pods {
			if err := ready(&pods[i]); err != nil {
				return fmt.Errorf("pod %s: %w", pods[i].Name, err)
			}
		}
		holder, err := leader(t.Context())
		if err != nil {
			return err
		}
		for i := range pods {
			if strings.HasPrefix(holder, pods[i].Name+"_") {
				return nil
			}
		}
		return fmt.Errorf("the lease is held by %s, which is gone", holder)
	})
}

// TestLeaderLost runs, while nobody leads for a while, what needs no operator.
func TestLeaderLost(t *testing.T) {
	together(t, map[string]func(*testing.T){"Takeover": testTakeover, "NewPodIsHeldFromItsFirstPacket": testNewPodIsHeldFromItsFirstPacket})
}

// testTakeover takes the leading replica away, once by a kill that leaves it no moment to give its lease
// back and once as "kubectl delete --force" does it, and says when the other one has taken over.
func testTakeover(t *testing.T) {
	env := platform(t)
	agency := newAgency(t, "orphaned")
	var portals []reconcile.Object
	for _, c := range []struct {
		name  string
		lose  func(*corev1.Pod) error
		limit time.Duration
	}{
		{"process killed", func(pod *corev1.Pod) error {
			pid, err := processOf(pod, "/manager")
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}, time.Minute},
		{"deleted by force", func(pod *corev1.Pod) error {
			return env.Admin.Delete(t.Context(), pod, client.GracePeriodSeconds(0))
		}, time.Minute},
	} {
		settleOperator(t)
		before, err := leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(before, "_")
		pod := &corev1.Pod{}
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: harness.OperatorNamespace, Name: name}, pod); err != nil {
			t.Fatal(err)
		}
		lost := time.Now()
		if err := c.lose(pod); err != nil {
			t.Fatal(err)
		}
		portal := smallPortal(agency.Name, strings.ReplaceAll(c.name, " ", "-"))
		create(t, env, portal)
		portals = append(portals, portal)
		var taken, acted time.Duration
		after := ""
		eventually(t, c.limit, func() error {
			holder, err := leader(t.Context())
			if err != nil {
				return err
			}
			if holder == before {
				return fmt.Errorf("%s still holds the lease", before)
			}
			after, taken = holder, time.Since(lost)
			return nil
		})
		eventually(t, c.limit, func() error {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil {
				return err
			}
			if portal.Status.ObservedGeneration == 0 {
				return fmt.Errorf("portal %s is not looked at", portal.Name)
			}
			acted = time.Since(lost)
			return nil
		})
		t.Logf("leader %s: %s took the lease from %s after %.1f s; a portal created meanwhile was acted on after %.1f s",
			c.name, after, before, taken.Seconds(), acted.Seconds())
	}
	waitReady(t, env, portals...)
}

// TestPortalsEndInOrder deletes a portal of several pods and then an agency with portals, and looks at every revision.
func TestPortalsEndInOrder(t *testing.T) {
	t.Parallel()
	k, _ := clients(t)
	env := platform(t)
	agency := newAgency(t, "closing")
	ns := names.Namespace(agency.Name)
	one, two := smallPortal(agency.Name, "one"), smallPortal(agency.Name, "two")
	one.Spec.Replicas.Min = 2
	create(t, env, one, two)
	env.WaitReady(t, one, two)
	log := watchRevisions(t, k)
	began := time.Now()
	if err := env.Admin.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error { return portalGone(t.Context(), env, ns, "one") })
	portal := time.Since(began)
	began = time.Now()
	if err := env.Admin.Patch(t.Context(), agency, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionPolicy":"DeletePortals"}}`))); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		err := env.Admin.Get(t.Context(), client.ObjectKey{Name: ns}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errStill
	})
	t.Logf("a portal of two pods was gone after %d ms, an agency with a portal after %d ms", portal.Milliseconds(), time.Since(began).Milliseconds())
	log.alwaysGuarded(t)
}
