package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// recording is every revision of the pods and the children in some worlds.
type recording struct {
	*harness.Recording
	// podsOnly leaves out Deployments, where they can make no pods.
	podsOnly bool
	// oneGuard is set where somebody deletes guards: an object is deleted before it is made anew, so one of the two has to
	// hold meanwhile.
	oneGuard bool
}

// record watches the worlds until the test ends.
func record(t *testing.T, env *harness.Env, worlds ...*world) *recording {
	t.Helper()
	take := func(o client.Object) bool {
		return slices.ContainsFunc(worlds, func(w *world) bool { return w.has(o) })
	}
	return &recording{Recording: env.Record(t, take, append(harness.ChildLists(), &corev1.PodList{})...)}
}

// turnsOf counts how often each child of a world came and went (O2).
func turnsOf(revisions []harness.Revision, w *world) map[string]int {
	out := map[string]int{}
	for _, e := range revisions {
		if e.Type != watch.Modified && w.has(e.Object) && ours(e.Object) {
			out[w.mask(fmt.Sprintf("%s %s", e.Type, harness.ObjectKey(e.Object)))]++
		}
	}
	return out
}

// ours reports whether an object is a child. Pods have the same label.
func ours(o client.Object) bool {
	_, pod := o.(*corev1.Pod)
	return !pod && o.GetLabels()[names.LabelManagedBy] == names.ManagedBy
}

// guarded fails at the first revision with a workload of a portal that not both guards hold (O5).
func (r *recording) guarded(t *testing.T) {
	t.Helper()
	workloads := 0
	r.Walk(t, func(change harness.Revision, before client.Object, world harness.Objects) bool {
		for _, o := range touched(change, before, world) {
			l := podLabels(o)
			if _, pod := o.(*corev1.Pod); l[names.LabelPortal] == "" || r.podsOnly && !pod {
				continue
			}
			workloads++
			want := []string{"default-deny", names.Child(l[names.LabelPortal], "deny")}
			slices.Sort(want)
			holding := guardsOf(world, o.GetNamespace(), l)
			if r.oneGuard && len(holding) == 1 && slices.Contains(want, holding[0]) {
				continue
			}
			if !slices.Equal(holding, want) {
				t.Errorf("revision %d: %s (terminating: %v) is held by %v, want %v", change.Number, harness.ObjectKey(o), o.GetDeletionTimestamp() != nil, holding, want)
				return false
			}
		}
		return true
	})
	if workloads == 0 {
		t.Error("the recording has no workload of a portal: the test does not reach what it is for")
	}
}

// touched are the objects that a change can have taken the guards from: all at the beginning, what a policy selects or
// selected, and whatever else was written.
func touched(change harness.Revision, before client.Object, world harness.Objects) []client.Object {
	if change.Object == nil {
		return slices.Collect(maps.Values(world))
	}
	policies := []client.Object{before, change.Object}
	if _, ok := change.Object.(*networkingv1.NetworkPolicy); !ok {
		if change.Type == watch.Deleted {
			return nil
		}
		return []client.Object{change.Object}
	}
	var out []client.Object
	for _, o := range world {
		l := podLabels(o)
		if l != nil && slices.ContainsFunc(policies, func(p client.Object) bool { return selects(p, o.GetNamespace(), l) }) {
			out = append(out, o)
		}
	}
	return out
}

// selects reports whether an object is a network policy for pods with these labels.
func selects(o client.Object, namespace string, l map[string]string) bool {
	p, ok := o.(*networkingv1.NetworkPolicy)
	if !ok || p.Namespace != namespace {
		return false
	}
	s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	return err == nil && s.Matches(labels.Set(l))
}

func podLabels(o client.Object) map[string]string {
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
func guardsOf(world harness.Objects, namespace string, l map[string]string) []string {
	var out []string
	for _, o := range world {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok || len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 || len(p.Spec.PolicyTypes) != 2 {
			continue
		}
		if selects(p, namespace, l) {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return out
}

// halves are what one policy opens at its own end.
type halves struct{ egress, ingress []string }

func halvesOf(p *networkingv1.NetworkPolicy) (out halves) {
	self := p.Namespace + "/" + p.Spec.PodSelector.MatchLabels[names.LabelPortal]
	for _, rule := range p.Spec.Egress {
		for _, f := range pairs(rule.To, rule.Ports) {
			out.egress = append(out.egress, self+" -> "+f)
		}
	}
	for _, rule := range p.Spec.Ingress {
		for _, f := range pairs(rule.From, rule.Ports) {
			peer, port, _ := strings.Cut(f, " ")
			out.ingress = append(out.ingress, peer+" -> "+self+" "+port)
		}
	}
	return out
}

// flowReader reads the flows of a world; what it has read of a policy it keeps.
type flowReader map[*networkingv1.NetworkPolicy]halves

// flows are what is open: from portal to portal where both halves exist, and every half to or from anything else.
func (r flowReader) flows(world harness.Objects) map[string]bool {
	egress, ingress, out := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, o := range world {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			continue
		}
		h, known := r[p]
		if !known {
			h = halvesOf(p)
			r[p] = h
		}
		for _, f := range h.egress {
			egress[f] = true
		}
		for _, f := range h.ingress {
			ingress[f] = true
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
	reader := flowReader{}
	var before map[string]bool
	var last harness.Objects
	r.Walk(t, func(change harness.Revision, _ client.Object, world harness.Objects) bool {
		if change.Object == nil {
			before = reader.flows(world)
		}
		last = world
		return true
	})
	after := reader.flows(last)
	r.Walk(t, func(change harness.Revision, _ client.Object, world harness.Objects) bool {
		if _, policy := change.Object.(*networkingv1.NetworkPolicy); !policy {
			return true
		}
		for f := range reader.flows(world) {
			if !before[f] && !after[f] {
				t.Errorf("revision %d: open, and neither before nor after: %s", change.Number, f)
				return false
			}
		}
		return true
	})
}

// endsAlike fails where a world ends otherwise, or with more or fewer children that came and went on the way, than one
// beside it in which the same was done without a fault (O1, O2).
func (r *recording) endsAlike(t *testing.T, what string, calm, got *world) {
	t.Helper()
	revisions := r.Revisions(t)
	wantEnd(t, what, calm.end(t, revisions), got.end(t, revisions))
}
