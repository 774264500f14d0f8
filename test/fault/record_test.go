package fault

import (
	"encoding/json"
	"fmt"
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
	r.Replay(t, func(n uint64, world harness.Objects) bool {
		for _, o := range world {
			l := podLabels(o)
			if _, pod := o.(*corev1.Pod); l[names.LabelPortal] == "" || r.podsOnly && !pod {
				continue
			}
			workloads++
			want := []string{"default-deny", names.Child(l[names.LabelPortal], "deny")}
			slices.Sort(want)
			if holding := guardsOf(world, o.GetNamespace(), l); !slices.Equal(holding, want) {
				t.Errorf("revision %d: %s (terminating: %v) is held by %v, want %v", n, harness.ObjectKey(o), o.GetDeletionTimestamp() != nil, holding, want)
				return false
			}
		}
		return true
	})
	if workloads == 0 {
		t.Error("the recording has no workload of a portal: the test does not reach what it is for")
	}
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
func flows(world harness.Objects) map[string]bool {
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
	r.Replay(t, func(n uint64, world harness.Objects) bool {
		after = flows(world)
		if n == 0 {
			before = after
		}
		return true
	})
	r.Replay(t, func(n uint64, world harness.Objects) bool {
		for f := range flows(world) {
			if !before[f] && !after[f] {
				t.Errorf("revision %d: open, and neither before nor after: %s", n, f)
				return false
			}
		}
		return true
	})
}
