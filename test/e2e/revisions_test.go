package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/govplatform/govplatform/internal/names"
)

// revisions is every state of the pods and network policies of all namespaces from one revision on. Revisions count
// changes of all kinds, so the events of two watches can be put into the order in which they happened.
type revisions struct {
	mu     sync.Mutex
	first  map[string]metav1.Object
	events []revision
	// broken is why a watch ended before the test did.
	broken error
}

type revision struct {
	number  uint64
	at      time.Time
	deleted bool
	object  metav1.Object
}

// watchRevisions watches until the test ends.
func watchRevisions(t *testing.T, client *kubernetes.Clientset) *revisions {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := client.NetworkingV1().NetworkPolicies("").List(ctx, metav1.ListOptions{ResourceVersion: pods.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	if err != nil {
		t.Fatal(err)
	}
	r := &revisions{first: map[string]metav1.Object{}}
	for i := range pods.Items {
		r.first[keyOf(&pods.Items[i])] = &pods.Items[i]
	}
	for i := range policies.Items {
		r.first[keyOf(&policies.Items[i])] = &policies.Items[i]
	}
	from := metav1.ListOptions{ResourceVersion: pods.ResourceVersion}
	podWatch, err := client.CoreV1().Pods("").Watch(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	policyWatch, err := client.NetworkingV1().NetworkPolicies("").Watch(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []watch.Interface{podWatch, policyWatch} {
		go r.record(w)
	}
	return r
}

func (r *revisions) record(w watch.Interface) {
	for e := range w.ResultChan() {
		o, ok := e.Object.(metav1.Object)
		if !ok {
			r.breakOff(fmt.Errorf("%s %v", e.Type, e.Object))
			return
		}
		number, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
		if err != nil {
			r.breakOff(err)
			return
		}
		r.mu.Lock()
		r.events = append(r.events, revision{number: number, at: time.Now(), deleted: e.Type == watch.Deleted, object: o})
		r.mu.Unlock()
	}
	r.breakOff(errors.New("a watch has ended"))
}

// breakOff notes that there are revisions that nobody saw.
func (r *revisions) breakOff(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		r.broken = err
	}
}

// trail returns what happened in a namespace, one line for each revision.
func (r *revisions) trail(namespace string) string {
	var out strings.Builder
	for _, e := range r.events {
		if e.object.GetNamespace() != namespace {
			continue
		}
		fmt.Fprintf(&out, "  %d %s %s", e.number, e.at.UTC().Format("15:04:05.000"), keyOf(e.object))
		switch {
		case e.deleted:
			out.WriteString(" gone")
		case e.object.GetDeletionTimestamp() != nil:
			fmt.Fprintf(&out, " going, finalizers %v", e.object.GetFinalizers())
		}
		out.WriteString("\n")
	}
	return out.String()
}

// tamperedAgency is the agency whose guards TestTamper takes away.
const tamperedAgency = "tampered"

// life is the time for which a pod of a portal had an address.
type life struct {
	address  string
	from, to time.Time
}

// lives returns the addresses that pods of portals had in the namespaces, each from when its pod was created until it was
// gone. A pod that was there from the beginning is left out.
func (r *revisions) lives(namespaces ...string) []life {
	r.mu.Lock()
	defer r.mu.Unlock()
	pods := map[string]*life{}
	for _, e := range r.events {
		p, ok := e.object.(*corev1.Pod)
		if !ok || !slices.Contains(namespaces, p.Namespace) || p.Labels[names.LabelPortal] == "" || r.first[keyOf(p)] != nil {
			continue
		}
		l := pods[keyOf(p)]
		if l == nil {
			l = &life{from: e.at, to: time.Now()}
			pods[keyOf(p)] = l
		}
		if p.Status.PodIP != "" {
			l.address = p.Status.PodIP
		}
		if e.deleted {
			l.to = e.at
		}
	}
	var all []life
	for _, l := range pods {
		if l.address != "" {
			all = append(all, *l)
		}
	}
	return all
}

// alwaysGuarded goes through all revisions and fails the test at the first in which a pod of a portal, running or not, is
// without a deny-all policy of its portal or of its namespace.
func (r *revisions) alwaysGuarded(t *testing.T) {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // The last events are on their way.
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		t.Fatalf("not all revisions were seen: %v", r.broken)
	}
	slices.SortStableFunc(r.events, func(a, b revision) int { return cmp.Compare(a.number, b.number) })
	world := maps.Clone(r.first)
	seen := map[string]bool{}
	for _, e := range r.events {
		if e.deleted {
			delete(world, keyOf(e.object))
		} else {
			world[keyOf(e.object)] = e.object
		}
		for key, o := range world {
			p, ok := o.(*corev1.Pod)
			if !ok || p.Labels[names.LabelPortal] == "" || p.Namespace == names.Namespace(tamperedAgency) {
				continue // TestTamper takes guards away on purpose, at the same time.
			}
			seen[key] = true
			for _, guard := range []string{"default-deny", names.Child(p.Labels[names.LabelPortal], "deny")} {
				np, ok := world[keyOf(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: guard}})].(*networkingv1.NetworkPolicy)
				if !ok || !denies(np, p) {
					t.Fatalf("revision %d: pod %s/%s (%s, going: %v) is not held by %s:\n%s", e.number, p.Namespace, p.Name, p.Status.Phase, p.DeletionTimestamp != nil, guard, r.trail(p.Namespace))
				}
			}
		}
	}
	t.Logf("%d pods of portals were held by both guards at each of %d revisions", len(seen), len(r.events))
	if len(seen) == 0 {
		t.Error("there was no pod of a portal: the test does not reach what it is for")
	}
}

// denies tells whether a policy selects the pod and allows nothing.
func denies(np *networkingv1.NetworkPolicy, p *corev1.Pod) bool {
	selector, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector)
	return err == nil && selector.Matches(labels.Set(p.Labels)) && len(np.Spec.Ingress) == 0 && len(np.Spec.Egress) == 0 && len(np.Spec.PolicyTypes) == 2
}

func keyOf(o metav1.Object) string { return fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName()) }
