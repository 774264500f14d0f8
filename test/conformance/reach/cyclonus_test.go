package conformance

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/internal/reach"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
)

// cyclonus asks the matcher of github.com/mattfenwick/cyclonus. It has no notion of the host network, so a hostNetwork
// pod is put to it as what it is to a policy, an address; and it leaves it to its caller to find the name of a port.
func cyclonus(s reach.Snapshot) evaluator {
	policy := buildCyclonus(s.Policies)
	namespaceLabels := map[string]map[string]string{}
	for _, n := range s.Namespaces {
		namespaceLabels[n.Name] = n.Labels
	}
	peer := func(pod *corev1.Pod, address string) *matcher.TrafficPeer {
		if pod == nil || pod.Spec.HostNetwork {
			return &matcher.TrafficPeer{IP: address}
		}
		return &matcher.TrafficPeer{IP: address, Internal: &matcher.InternalPeer{
			Namespace: pod.Namespace, NamespaceLabels: namespaceLabels[pod.Namespace], PodLabels: pod.Labels,
		}}
	}
	return func(q question) answer {
		if policy == nil {
			return none
		}
		return anyPacket(q, func(p packet) bool {
			return policy.IsTrafficAllowed(&matcher.Traffic{
				Source: peer(q.from, p.from.String()), Destination: peer(q.to, p.to.String()),
				ResolvedPort: int(q.flow.Port), ResolvedPortName: portName(q), Protocol: q.flow.Protocol,
			}).IsAllowed()
		})
	}
}

// buildCyclonus returns nil when the peer panics on one of the policies.
func buildCyclonus(policies []networkingv1.NetworkPolicy) (built *matcher.Policy) {
	defer func() {
		if recover() != nil {
			built = nil
		}
	}()
	sources := make([]*networkingv1.NetworkPolicy, 0, len(policies))
	for i := range policies {
		sources = append(sources, &policies[i])
	}
	return matcher.BuildNetworkPolicies(false, sources)
}

// portName finds what the destination calls the port; the generator gives a port one name.
func portName(q question) string {
	if q.to == nil || q.to.Spec.HostNetwork {
		return ""
	}
	for _, container := range append(append([]corev1.Container{}, q.to.Spec.Containers...), q.to.Spec.InitContainers...) {
		for _, port := range container.Ports {
			protocol := port.Protocol
			if protocol == "" {
				protocol = corev1.ProtocolTCP
			}
			if port.ContainerPort == q.flow.Port && protocol == q.flow.Protocol {
				return port.Name
			}
		}
	}
	return ""
}
