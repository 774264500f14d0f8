package portal

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

const dnsPort = 53

// baseNetworkPolicy opens what every running portal needs: names from the
// cluster's DNS, over UDP and TCP, and the monitoring that scrapes it; and, for
// an exposed portal whose host names are its own, the gateways of its exposure.
func baseNetworkPolicy(s object.Scope, in Input, spec *v1alpha1.AgencyPortalSpec, ports []int32) *networkingv1.NetworkPolicy {
	p := flow.NetworkPolicy(s, names.Child(s.Portal, "base"), flow.PortalLabels(s.Portal), networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To:    nameServers(in.Settings.ClusterDNS),
		Ports: []networkingv1.NetworkPolicyPort{flow.Port(corev1.ProtocolUDP, dnsPort), flow.Port(corev1.ProtocolTCP, dnsPort)},
	}}
	var from []networkingv1.NetworkPolicyPeer
	for _, m := range in.Settings.Monitoring {
		from = append(from, flow.Peer(m))
	}
	open := exposable(in, spec)
	for _, g := range in.Settings.Gateways {
		if g.Exposure == spec.Exposure && open {
			from = append(from, flow.Peer(g.Peer))
		}
	}
	// An empty "from" would mean everybody, so without peers there is no rule.
	if len(from) > 0 {
		slices.SortStableFunc(from, func(a, b networkingv1.NetworkPolicyPeer) int {
			return strings.Compare(a.NamespaceSelector.MatchLabels[corev1.LabelMetadataName], b.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
		})
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
			From:  from,
			Ports: flow.TCPPorts(ports),
		}}
	}
	return p
}

// nameServers are the peers that answer DNS: pods, addresses or both, never none,
// which would mean everybody.
func nameServers(n settings.NameServers) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	if n.Namespace != "" || len(n.Addresses) == 0 {
		out = append(out, flow.Peer(n.Peer))
	}
	for _, a := range object.Sorted(n.Addresses) {
		out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: a}})
	}
	return out
}

// exposable tells whether gateways may reach a portal that runs this spec. Only
// the host names of the portal's present spec are known to be its own, so a
// last compliant spec with others opens nothing.
func exposable(in Input, spec *v1alpha1.AgencyPortalSpec) bool {
	refused := slices.ContainsFunc(exposureBlockers(in), func(b object.Blocker) bool { return b.Class == object.Terminal })
	foreign := slices.ContainsFunc(spec.Hostnames, func(h v1alpha1.DNSName) bool { return !slices.Contains(in.Portal.Spec.Hostnames, h) })
	return !refused && !foreign
}
