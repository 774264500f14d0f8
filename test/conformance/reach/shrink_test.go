package conformance

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// difference is an answer of a peer that no rule explains.
type difference struct {
	peer         string
	question     question
	ours, theirs answer
}

func (d difference) String() string {
	return fmt.Sprintf("%s: ours %s, %s %s", d.question.flow, d.ours, d.peer, d.theirs)
}

// firstDifference returns the world's first unexplained difference.
func firstDifference(w *world, build builder) (difference, bool) {
	for _, p := range peers {
		t := newTrial(w, build, p)
		for _, q := range w.questions() {
			mine, theirs := t.ours(q), t.theirs(q)
			if mine == theirs {
				continue
			}
			if _, ok := t.explain(q, mine); !ok {
				return difference{peer: p.name, question: q, ours: mine, theirs: theirs}, true
			}
		}
	}
	return difference{}, false
}

// shrink takes things out of the world for as long as some difference stays unexplained.
func shrink(w world, build builder) world {
	for {
		smaller, ok := shrinkOnce(w, build)
		if !ok {
			return w
		}
		w = smaller
	}
}

func shrinkOnce(w world, build builder) (world, bool) {
	for step := 0; ; step++ {
		candidate := w.deepCopy()
		if !candidate.takeOut(step) {
			return w, false
		}
		if _, differs := firstDifference(&candidate, build); differs {
			return candidate, true
		}
	}
}

// takeOut removes the nth thing that can be removed, and reports whether there was one.
func (w *world) takeOut(n int) bool {
	return takeFrom(&w.Policies, &n) || takeFrom(&w.Pods, &n) || w.takeNamespace(&n) || takeFrom(&w.ports, &n) || w.takeFromPolicies(&n) || w.takeFromPods(&n)
}

func takeFrom[T any](list *[]T, n *int) bool {
	if *n < len(*list) {
		*list = slices.Delete(slices.Clone(*list), *n, *n+1)
		return true
	}
	*n -= len(*list)
	return false
}

// takeNamespace removes only empty namespaces.
func (w *world) takeNamespace(n *int) bool {
	for i := range w.Namespaces {
		used := slices.ContainsFunc(w.Pods, func(p corev1.Pod) bool { return p.Namespace == w.Namespaces[i].Name })
		if used {
			continue
		}
		if *n == 0 {
			w.Namespaces = slices.Delete(w.Namespaces, i, i+1)
			return true
		}
		*n--
	}
	return false
}

func (w *world) takeFromPolicies(n *int) bool {
	for i := range w.Policies {
		spec := &w.Policies[i].Spec
		if takeFrom(&spec.Ingress, n) || takeFrom(&spec.Egress, n) || len(spec.PolicyTypes) > 1 && takeFrom(&spec.PolicyTypes, n) {
			return true
		}
	}
	taken := false
	w.eachRule(func(ports *[]networkingv1.NetworkPolicyPort, peers *[]networkingv1.NetworkPolicyPeer) {
		taken = taken || takeFrom(ports, n) || takeFrom(peers, n)
	})
	w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
		taken = taken || p.IPBlock != nil && takeFrom(&p.IPBlock.Except, n)
	})
	w.eachSelector(func(s *metav1.LabelSelector, _ bool) {
		taken = taken || takeKey(s.MatchLabels, n) || takeFrom(&s.MatchExpressions, n)
	})
	return taken
}

func (w *world) takeFromPods(n *int) bool {
	for i := range w.Pods {
		spec := &w.Pods[i].Spec
		if takeKey(w.Pods[i].Labels, n) || takeFrom(&spec.InitContainers, n) || takeFrom(&spec.Containers, n) {
			return true
		}
	}
	for i := range w.Namespaces {
		if takeKey(w.Namespaces[i].Labels, n) {
			return true
		}
	}
	return false
}

func takeKey(labels map[string]string, n *int) bool {
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if *n < len(keys) {
		delete(labels, keys[*n])
		return true
	}
	*n -= len(keys)
	return false
}

// reproduction is the shrunk world as YAML, with the difference that is left in it.
func reproduction(w world, build builder) string {
	w = shrink(w, build)
	left, _ := firstDifference(&w, build)
	text, err := yaml.Marshal(map[string]any{"namespaces": w.Namespaces, "pods": w.Pods, "policies": w.Policies})
	if err != nil {
		return fmt.Sprintf("%s\n(not printable: %v)", left, err)
	}
	return fmt.Sprintf("%s\n%s", left, text)
}
