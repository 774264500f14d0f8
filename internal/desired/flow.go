package desired

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/internal/names"
)

// portalEnd is a portal as an end of a flow, identified by its namespace and
// the label that only the operator writes.
type portalEnd struct {
	agency, namespace, portal string
}

func (e portalEnd) peer() networkingv1.NetworkPolicyPeer {
	return peer(peerOf(e.namespace, portalLabels(e.portal)))
}

// policyPair opens the ports from one portal to another: egress on the
// side that asks, ingress on the side that is asked. One half alone opens
// nothing, so the order in which they come and go does not matter.
func policyPair(s scope, id string, from, to portalEnd, ports []int32) []Object {
	return []Object{
		egressHalf(s, id, from, to, ports),
		ingressHalf(s, id, from, to, ports),
	}
}

func egressHalf(s scope, id string, from, to portalEnd, ports []int32) *networkingv1.NetworkPolicy {
	s.namespace, s.portal, s.reference = from.namespace, from.portal, s.owner.Namespace == from.namespace
	p := networkPolicy(s, names.Child(id, "egress"), portalLabels(from.portal), networkingv1.PolicyTypeEgress)
	p.Labels[names.LabelAgency], p.Labels[names.LabelPartOf] = from.agency, from.agency
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To:    []networkingv1.NetworkPolicyPeer{to.peer()},
		Ports: tcpPorts(ports),
	}}
	return p
}

func ingressHalf(s scope, id string, from, to portalEnd, ports []int32) *networkingv1.NetworkPolicy {
	s.namespace, s.portal, s.reference = to.namespace, to.portal, s.owner.Namespace == to.namespace
	p := networkPolicy(s, names.Child(id, "ingress"), portalLabels(to.portal), networkingv1.PolicyTypeIngress)
	p.Labels[names.LabelAgency], p.Labels[names.LabelPartOf] = to.agency, to.agency
	p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
		From:  []networkingv1.NetworkPolicyPeer{from.peer()},
		Ports: tcpPorts(ports),
	}}
	return p
}

// externalEgress opens one port from a portal to addresses of the dedicated network.
func externalEgress(s scope, id string, from portalEnd, cidrs []string, number int32) *networkingv1.NetworkPolicy {
	s.namespace, s.portal, s.reference = from.namespace, from.portal, s.owner.Namespace == from.namespace
	p := networkPolicy(s, names.Child(id, "egress"), portalLabels(from.portal), networkingv1.PolicyTypeEgress)
	var to []networkingv1.NetworkPolicyPeer
	for _, c := range cidrs {
		to = append(to, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: c}})
	}
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: to, Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, number)}}}
	return p
}
