package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// revision is one change of one object.
type revision struct {
	number  uint64
	deleted bool
	object  metav1.Object
}

// objects are the pods, Deployments and network policies that exist at a revision.
type objects map[string]metav1.Object

// recording is every revision of them in some namespaces.
type recording struct {
	mu     sync.Mutex
	events []revision
	first  objects
	// podsOnly leaves out Deployments, where they can make no pods.
	podsOnly bool
}

func keyOf(o metav1.Object) string { return fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName()) }

// record watches namespaces until the test ends.
func record(t *testing.T, env *harness.Env, namespaces ...string) *recording {
	t.Helper()
	cfg := env.ControlPlane.AdminConfig()
	cfg.QPS = -1
	c, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{first: objects{}}
	for _, ns := range namespaces {
		r.follow(t, c, ns)
	}
	return r
}

func (r *recording) follow(t *testing.T, c kubernetes.Interface, ns string) {
	t.Helper()
	pods, err := c.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		r.first[keyOf(&pods.Items[i])] = &pods.Items[i]
	}
	policies, err := c.NetworkingV1().NetworkPolicies(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range policies.Items {
		r.first[keyOf(&policies.Items[i])] = &policies.Items[i]
	}
	deployments, err := c.AppsV1().Deployments(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range deployments.Items {
		r.first[keyOf(&deployments.Items[i])] = &deployments.Items[i]
	}
	r.watch(t, func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return c.CoreV1().Pods(ns).Watch(ctx, o)
	}, pods.ResourceVersion)
	r.watch(t, func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return c.NetworkingV1().NetworkPolicies(ns).Watch(ctx, o)
	}, policies.ResourceVersion)
	r.watch(t, func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return c.AppsV1().Deployments(ns).Watch(ctx, o)
	}, deployments.ResourceVersion)
}

// watch follows one kind; a watch that the server ends is taken up again where it was.
func (r *recording) watch(t *testing.T, open func(context.Context, metav1.ListOptions) (watch.Interface, error), version string) {
	t.Helper()
	ctx := t.Context()
	go func() {
		for ctx.Err() == nil {
			w, err := open(ctx, metav1.ListOptions{ResourceVersion: version})
			if err != nil {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			for e := range w.ResultChan() {
				o, ok := e.Object.(metav1.Object)
				if !ok {
					continue
				}
				version = o.GetResourceVersion()
				r.note(e.Type == watch.Deleted, o)
			}
		}
	}()
}

func (r *recording) note(deleted bool, o metav1.Object) {
	n, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, revision{n, deleted, o})
}

// replay visits the world at every revision, the first included, until visit returns false.
func (r *recording) replay(visit func(n uint64, world objects) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.events, func(a, b revision) int { return cmp.Compare(a.number, b.number) })
	world := maps.Clone(r.first)
	if !visit(0, world) {
		return
	}
	for _, e := range r.events {
		if e.deleted {
			delete(world, keyOf(e.object))
		} else {
			world[keyOf(e.object)] = e.object
		}
		if !visit(e.number, world) {
			return
		}
	}
}

// guarded fails at the first revision with a workload of a portal that not both guards hold.
func (r *recording) guarded(t *testing.T) {
	t.Helper()
	r.replay(func(n uint64, world objects) bool {
		for _, o := range world {
			l := podLabels(o)
			if _, pod := o.(*corev1.Pod); l[names.LabelPortal] == "" || r.podsOnly && !pod {
				continue
			}
			want := []string{"default-deny", names.Child(l[names.LabelPortal], "deny")}
			slices.Sort(want)
			if holding := guardsOf(world, o.GetNamespace(), l); !slices.Equal(holding, want) {
				t.Errorf("revision %d: %s (terminating: %v) is held by %v, want %v", n, keyOf(o), o.GetDeletionTimestamp() != nil, holding, want)
				return false
			}
		}
		return true
	})
}

func podLabels(o metav1.Object) map[string]string {
	switch o := o.(type) {
	case *corev1.Pod:
		return o.Labels
	case *appsv1.Deployment:
		return o.Spec.Template.Labels
	default:
		return nil
	}
}

// guardsOf names the policies that deny everything to pods with these labels, sorted.
func guardsOf(world objects, namespace string, l map[string]string) []string {
	var out []string
	for _, o := range world {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok || p.Namespace != namespace || len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 || len(p.Spec.PolicyTypes) != 2 {
			continue
		}
		if s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector); err == nil && s.Matches(labels.Set(l)) {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return out
}

// flows are what is open: from portal to portal where both halves exist, and every half to or from anything else.
func flows(world objects) map[string]bool {
	egress, ingress, out := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, o := range world {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		self := p.Namespace + "/" + p.Spec.PodSelector.MatchLabels[names.LabelPortal]
		for _, rule := range p.Spec.Egress {
			for _, f := range pairs(rule.To, rule.Ports) {
				egress[self+" -> "+f] = true
			}
		}
		for _, rule := range p.Spec.Ingress {
			for _, f := range pairs(rule.From, rule.Ports) {
				peer, port, _ := strings.Cut(f, " ")
				ingress[peer+" -> "+self+" "+port] = true
			}
		}
	}
	for f := range egress {
		if ingress[f] || strings.Contains(f, "-> ?") {
			out[f] = true
		}
	}
	for f := range ingress {
		if strings.HasPrefix(f, "?") {
			out[f] = true
		}
	}
	return out
}

func pairs(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) []string {
	to, on := []string{"?any"}, []string{"any"}
	if len(peers) > 0 {
		to = nil
	}
	if len(ports) > 0 {
		on = nil
	}
	for _, p := range peers {
		to = append(to, peerName(p))
	}
	for _, p := range ports {
		on = append(on, fmt.Sprintf("%s:%v", *p.Protocol, p.Port))
	}
	var out []string
	for _, a := range to {
		for _, b := range on {
			out = append(out, a+" "+b)
		}
	}
	return out
}

func peerName(p networkingv1.NetworkPolicyPeer) string {
	if p.NamespaceSelector != nil && p.PodSelector != nil && p.PodSelector.MatchLabels[names.LabelPortal] != "" {
		return p.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] + "/" + p.PodSelector.MatchLabels[names.LabelPortal]
	}
	data, err := json.Marshal(p)
	if err != nil {
		return "?unknown"
	}
	return "?" + string(data)
}

// opensOnly fails at the first revision with a flow that is open neither at its beginning nor at its end.
func (r *recording) opensOnly(t *testing.T) {
	t.Helper()
	var before, after map[string]bool
	r.replay(func(n uint64, world objects) bool {
		after = flows(world)
		if n == 0 {
			before = after
		}
		return true
	})
	r.replay(func(n uint64, world objects) bool {
		for f := range flows(world) {
			if !before[f] && !after[f] {
				t.Errorf("revision %d: open, and neither before nor after: %s", n, f)
				return false
			}
		}
		return true
	})
}
