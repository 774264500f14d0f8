package conformance

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/reach"
)

// mutants are our evaluator with one rule broken, by hiding from it what the rule is about.
var mutants = map[string]func(*world){
	"ignores except":             func(w *world) { w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) { dropExcept(p) }) },
	"ignores endPort":            func(w *world) { w.eachPort(func(p *networkingv1.NetworkPolicyPort) { p.EndPort = nil }) },
	"ignores the protocol":       func(w *world) { w.eachPort(func(p *networkingv1.NetworkPolicyPort) { p.Protocol = nil }) },
	"ignores the port":           func(w *world) { w.eachPort(func(p *networkingv1.NetworkPolicyPort) { p.Port, p.EndPort = nil, nil }) },
	"takes no protocol for UDP":  func(w *world) { w.eachPort(udpByDefault) },
	"ORs the selectors of peers": func(w *world) { w.eachPeer(dropPodSelector) },
	"podSelector for all namespaces": func(w *world) {
		w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.PodSelector != nil && p.NamespaceSelector == nil {
				p.NamespaceSelector = &metav1.LabelSelector{}
			}
		})
	},
	"empty namespaceSelector is nil": func(w *world) {
		w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if s := p.NamespaceSelector; s != nil && p.PodSelector != nil && len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
				p.NamespaceSelector = nil
			}
		})
	},
	"ignores spec.podSelector": func(w *world) {
		for i := range w.Policies {
			w.Policies[i].Spec.PodSelector = metav1.LabelSelector{}
		}
	},
	"ignores egress": func(w *world) {
		for i := range w.Policies {
			w.Policies[i].Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress"}
		}
	},
	"omitted policyTypes are both": func(w *world) {
		for i := range w.Policies {
			if len(w.Policies[i].Spec.PolicyTypes) == 0 {
				w.Policies[i].Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress", "Egress"}
			}
		}
	},
	"empty rules allow all": func(w *world) {
		for i := range w.Policies {
			if spec := &w.Policies[i].Spec; spec.Egress != nil && len(spec.Egress) == 0 {
				spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			}
		}
	},
	"selects hostNetwork pods": func(w *world) {
		for i := range w.Pods {
			w.Pods[i].Spec.HostNetwork = false
		}
	},
	"ignores named ports": func(w *world) {
		for i := range w.Pods {
			w.Pods[i].Spec.Containers, w.Pods[i].Spec.InitContainers = nil, nil
		}
	},
	"terminated pods are endpoints": func(w *world) {
		for i := range w.Pods {
			w.Pods[i].Status.Phase = corev1.PodRunning
		}
	},
	"ignores IPv6": func(w *world) {
		w.eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.IPBlock != nil && strings.Contains(p.IPBlock.CIDR, ":") {
				p.IPBlock = &networkingv1.IPBlock{CIDR: "255.255.255.255/32"}
			}
		})
	},
}

func dropExcept(p *networkingv1.NetworkPolicyPeer) {
	if p.IPBlock != nil {
		p.IPBlock.Except = nil
	}
}

func udpByDefault(p *networkingv1.NetworkPolicyPort) {
	if p.Protocol == nil {
		udp := corev1.ProtocolUDP
		p.Protocol = &udp
	}
}

func dropPodSelector(p *networkingv1.NetworkPolicyPeer) {
	if p.PodSelector != nil && p.NamespaceSelector != nil {
		p.PodSelector = nil
	}
}

// TestMutantsAreCaught breaks the evaluator in one way at a time: the comparison must find an unexplained difference
// among the first sets, or it is blind to that rule.
func TestMutantsAreCaught(t *testing.T) {
	const seed, within = 1, 400
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		mutate := mutants[name]
		t.Run(name, func(t *testing.T) {
			mutant := func(s reach.Snapshot) evaluator {
				w := world{Snapshot: s}
				w = w.deepCopy()
				mutate(&w)
				return ours(w.Snapshot)
			}
			for number := range uint64(within) {
				w := newWorld(seed, number)
				if _, differs := firstDifference(&w, mutant); differs {
					t.Logf("caught by set %d", number)
					checkShrunk(t, w, mutant)
					return
				}
			}
			t.Errorf("not caught within %d sets", within)
		})
	}
}

// checkShrunk wants a reproduction that a person can read.
func checkShrunk(t *testing.T, w world, mutant builder) {
	t.Helper()
	small := shrink(w, mutant)
	if len(small.Policies) > 2 || len(small.Pods) > 2 || len(small.ports) > 1 {
		t.Errorf("shrunk to %d policies, %d pods and %d ports only", len(small.Policies), len(small.Pods), len(small.ports))
	}
	t.Log(reproduction(small, mutant))
}
