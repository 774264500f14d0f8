package desired

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

const dnsPort = 53

// denyAllNetworkPolicy isolates the selected pods in both directions. Its
// finalizer keeps it in force until the pods that it holds are gone.
func denyAllNetworkPolicy(s scope, name string, podLabels map[string]string) *networkingv1.NetworkPolicy {
	p := networkPolicy(s, name, podLabels, networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	p.Finalizers = []string{names.GuardFinalizer}
	return p
}

// baseNetworkPolicy opens what every running portal needs: names from the
// cluster's DNS, over UDP and TCP, and the monitoring that scrapes it; and, for
// an exposed portal whose host names are its own, the gateways of its exposure.
func baseNetworkPolicy(s scope, in PortalInput, spec *v1alpha1.AgencyPortalSpec, ports []int32) *networkingv1.NetworkPolicy {
	p := networkPolicy(s, names.Child(s.portal, "base"), portalLabels(s.portal), networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To:    nameServers(in.Settings.ClusterDNS),
		Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, dnsPort), port(corev1.ProtocolTCP, dnsPort)},
	}}
	var from []networkingv1.NetworkPolicyPeer
	for _, m := range in.Settings.Monitoring {
		from = append(from, peer(m))
	}
	open := exposable(in, spec)
	for _, g := range in.Settings.Gateways {
		if g.Exposure == spec.Exposure && open {
			from = append(from, peer(g.Peer))
		}
	}
	// An empty "from" would mean everybody, so without peers there is no rule.
	if len(from) > 0 {
		slices.SortStableFunc(from, func(a, b networkingv1.NetworkPolicyPeer) int {
			return strings.Compare(a.NamespaceSelector.MatchLabels[corev1.LabelMetadataName], b.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
		})
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
			From:  from,
			Ports: tcpPorts(ports),
		}}
	}
	return p
}

// nameServers are the peers that answer DNS: pods, addresses or both, never none,
// which would mean everybody.
func nameServers(n settings.NameServers) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	if n.Namespace != "" || len(n.Addresses) == 0 {
		out = append(out, peer(n.Peer))
	}
	for _, a := range sortedStrings(n.Addresses) {
		out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: a}})
	}
	return out
}

// exposable tells whether gateways may reach a portal that runs this spec. Only
// the host names of the portal's present spec are known to be its own, so a
// last compliant spec with others opens nothing.
func exposable(in PortalInput, spec *v1alpha1.AgencyPortalSpec) bool {
	refused := slices.ContainsFunc(exposureBlockers(in), func(b Blocker) bool { return b.Class == Terminal })
	foreign := slices.ContainsFunc(spec.Hostnames, func(h v1alpha1.DNSName) bool { return !slices.Contains(in.Portal.Spec.Hostnames, h) })
	return !refused && !foreign
}

func networkPolicy(s scope, name string, podLabels map[string]string, types ...networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: s.meta(name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: podLabels},
			PolicyTypes: types,
		},
	}
}

// peer selects pods by the namespace's name, which the API server sets and
// nobody else can, and by labels inside it.
func peer(p settings.Peer) networkingv1.NetworkPolicyPeer {
	out := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.Namespace}},
	}
	if len(p.PodLabels) > 0 {
		out.PodSelector = &metav1.LabelSelector{MatchLabels: p.PodLabels}
	}
	return out
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: ptrTo(protocol), Port: ptrTo(intstr.FromInt32(number))}
}

func peerOf(namespace string, podLabels map[string]string) settings.Peer {
	return settings.Peer{Namespace: namespace, PodLabels: podLabels}
}

// Opens tells a network policy that lets traffic pass from one that only denies.
func Opens(p *networkingv1.NetworkPolicy) bool { return child.Opens(p) }
