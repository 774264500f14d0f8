package flow

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// End is a portal as an end of a flow, identified by its namespace and
// the label that only the operator writes.
type End struct {
	Agency, Namespace, Portal string
}

func (e End) portalPeer() networkingv1.NetworkPolicyPeer {
	return Peer(settings.Peer{Namespace: e.Namespace, PodLabels: PortalLabels(e.Portal)})
}

// Pair opens the ports from one portal to another: egress on the
// side that asks, ingress on the side that is asked. One half alone opens
// nothing, so the order in which they come and go does not matter.
func Pair(s object.Scope, id string, from, to End, ports []int32) []object.Object {
	return []object.Object{
		egressHalf(s, id, from, to, ports),
		ingressHalf(s, id, from, to, ports),
	}
}

// half returns the policy of one side of a flow, in that side's namespace. It opens
// nothing yet.
func half(s object.Scope, id, direction string, at End, kind networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	s.Agency, s.Namespace, s.Portal, s.Reference = at.Agency, at.Namespace, at.Portal, s.Owner.Namespace == at.Namespace
	return NetworkPolicy(s, names.Child(id, direction), PortalLabels(at.Portal), kind)
}

func egressHalf(s object.Scope, id string, from, to End, ports []int32) *networkingv1.NetworkPolicy {
	p := half(s, id, "egress", from, networkingv1.PolicyTypeEgress)
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
		To:    []networkingv1.NetworkPolicyPeer{to.portalPeer()},
		Ports: TCPPorts(ports),
	}}
	return p
}

func ingressHalf(s object.Scope, id string, from, to End, ports []int32) *networkingv1.NetworkPolicy {
	p := half(s, id, "ingress", to, networkingv1.PolicyTypeIngress)
	p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
		From:  []networkingv1.NetworkPolicyPeer{from.portalPeer()},
		Ports: TCPPorts(ports),
	}}
	return p
}

// ExternalEgress opens one port from a portal to addresses of the dedicated network.
func ExternalEgress(s object.Scope, id string, from End, cidrs []string, number int32) *networkingv1.NetworkPolicy {
	p := half(s, id, "egress", from, networkingv1.PolicyTypeEgress)
	var to []networkingv1.NetworkPolicyPeer
	for _, c := range cidrs {
		to = append(to, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: c}})
	}
	p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: to, Ports: []networkingv1.NetworkPolicyPort{Port(corev1.ProtocolTCP, number)}}}
	return p
}
