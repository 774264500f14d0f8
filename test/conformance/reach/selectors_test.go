package conformance

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/govplatform/govplatform/internal/reach"
)

// selecting is a policy that selects an end of the flow for its direction, with the other end.
type selecting struct {
	policy    *networkingv1.NetworkPolicy
	direction reach.Direction
	// far is nil for an address.
	far *corev1.Pod
}

// anySelecting asks about each policy that selects an end, read straight from the API reference and not by the evaluator
// under test.
func (d dispute) anySelecting(test func(selecting) bool) bool {
	return d.eachSide(func(policy *networkingv1.NetworkPolicy, near, far *corev1.Pod, direction reach.Direction) bool {
		return affects(policy, direction) && selects(&policy.Spec.PodSelector, near.Labels) &&
			test(selecting{policy: policy, direction: direction, far: far})
	})
}

// eachSide asks about each policy in the namespace of an end that is a pod of the pod network.
func (d dispute) eachSide(test func(policy *networkingv1.NetworkPolicy, near, far *corev1.Pod, direction reach.Direction) bool) bool {
	sides := []struct {
		near, far *corev1.Pod
		direction reach.Direction
	}{{d.question.from, d.question.to, reach.Egress}, {d.question.to, d.question.from, reach.Ingress}}
	for _, side := range sides {
		if side.near == nil || side.near.Spec.HostNetwork {
			continue
		}
		for i := range d.world.Policies {
			policy := &d.world.Policies[i]
			if policy.Namespace == side.near.Namespace && test(policy, side.near, side.far, side.direction) {
				return true
			}
		}
	}
	return false
}

func affects(policy *networkingv1.NetworkPolicy, direction reach.Direction) bool {
	types := policy.Spec.PolicyTypes
	if direction == reach.Egress {
		return slices.Contains(types, networkingv1.PolicyTypeEgress) || len(types) == 0 && len(policy.Spec.Egress) > 0
	}
	return slices.Contains(types, networkingv1.PolicyTypeIngress) || len(types) == 0
}

func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		panic(err)
	}
	return parsed.Matches(labels.Set(set))
}

func (s selecting) hasEmptyRules() bool {
	if s.direction == reach.Egress {
		return s.policy.Spec.Egress != nil && len(s.policy.Spec.Egress) == 0
	}
	return s.policy.Spec.Ingress != nil && len(s.policy.Spec.Ingress) == 0
}

func (s selecting) ports() []networkingv1.NetworkPolicyPort {
	var ports []networkingv1.NetworkPolicyPort
	if s.direction == reach.Egress {
		for _, rule := range s.policy.Spec.Egress {
			ports = append(ports, rule.Ports...)
		}
		return ports
	}
	for _, rule := range s.policy.Spec.Ingress {
		ports = append(ports, rule.Ports...)
	}
	return ports
}

func (s selecting) peers() []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	if s.direction == reach.Egress {
		for _, rule := range s.policy.Spec.Egress {
			peers = append(peers, rule.To...)
		}
		return peers
	}
	for _, rule := range s.policy.Spec.Ingress {
		peers = append(peers, rule.From...)
	}
	return peers
}

// needsNameLabel reports whether a namespaceSelector asks for the name label of the far end's namespace, which lacks it.
func (s selecting) needsNameLabel(w *world) bool {
	if s.far == nil || s.far.Spec.HostNetwork {
		return false
	}
	if _, ok := w.namespaceLabels(s.far.Namespace)[corev1.LabelMetadataName]; ok {
		return false
	}
	return slices.ContainsFunc(s.peers(), func(p networkingv1.NetworkPolicyPeer) bool {
		return p.NamespaceSelector != nil && strings.Contains(p.NamespaceSelector.String(), corev1.LabelMetadataName)
	})
}

// anySelector asks about each selector of the policies at an end, with the labels it is compared with there. The
// podSelector of a policy counts even where it does not select the end: a peer may think it does.
func (d dispute) anySelector(test func(selector *metav1.LabelSelector, set map[string]string) bool) bool {
	subject := d.eachSide(func(policy *networkingv1.NetworkPolicy, near, _ *corev1.Pod, direction reach.Direction) bool {
		return affects(policy, direction) && test(&policy.Spec.PodSelector, near.Labels)
	})
	return subject || d.eachSide(func(policy *networkingv1.NetworkPolicy, _, far *corev1.Pod, direction reach.Direction) bool {
		if far == nil || far.Spec.HostNetwork || !affects(policy, direction) {
			return false
		}
		peers := selecting{policy: policy, direction: direction}.peers()
		return slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
			return p.PodSelector != nil && test(p.PodSelector, far.Labels) ||
				p.NamespaceSelector != nil && test(p.NamespaceSelector, d.world.namespaceLabels(far.Namespace))
		})
	})
}

func notInWithoutKey(selector *metav1.LabelSelector, set map[string]string) bool {
	return slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
		_, ok := set[r.Key]
		return r.Operator == metav1.LabelSelectorOpNotIn && !ok
	})
}

func emptyValueWithoutKey(selector *metav1.LabelSelector, set map[string]string) bool {
	for key, value := range selector.MatchLabels {
		if _, ok := set[key]; value == "" && !ok {
			return true
		}
	}
	return false
}

// replaceNotIn gives the objects that a NotIn requirement matches a label of their own, and asks for that instead.
func replaceNotIn(w *world) {
	marks := 0
	w.eachSelector(func(selector *metav1.LabelSelector, ofNamespaces bool) {
		for i, requirement := range selector.MatchExpressions {
			if requirement.Operator != metav1.LabelSelectorOpNotIn {
				continue
			}
			marks++
			mark := fmt.Sprintf("conformance/notin-%d", marks)
			only := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{requirement}}
			w.eachLabels(ofNamespaces, func(set map[string]string) {
				if selects(&only, set) {
					set[mark] = "yes"
				}
			})
			selector.MatchExpressions[i] = metav1.LabelSelectorRequirement{
				Key: mark, Operator: metav1.LabelSelectorOpIn, Values: []string{"yes"},
			}
		}
	})
}

// replaceEmptyValues turns matchLabels with an empty value into the In requirement they are equivalent to.
func replaceEmptyValues(w *world) {
	w.eachSelector(func(selector *metav1.LabelSelector, _ bool) {
		for key, value := range selector.MatchLabels {
			if value == "" {
				delete(selector.MatchLabels, key)
				selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
					Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{""},
				})
			}
		}
	})
}
