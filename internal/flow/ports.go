package flow

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Ports returns the ports on which a portal's pods listen, sorted: those that
// the operator recorded, else the one that the spec asks for.
func Ports(p *v1alpha1.AgencyPortal) []int32 {
	if len(p.Status.Ports) == 0 {
		return []int32{p.Spec.Port}
	}
	return SortedPorts(p.Status.Ports)
}

// SortedPorts returns ports sorted, each once.
func SortedPorts(ports []int32) []int32 {
	out := slices.Clone(ports)
	slices.Sort(out)
	return slices.Compact(out)
}

// TCPPorts are the ports of a rule, sorted.
func TCPPorts(ports []int32) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, p := range SortedPorts(ports) {
		out = append(out, Port(corev1.ProtocolTCP, p))
	}
	return out
}

// JoinPorts names ports in a message.
func JoinPorts(ports []int32) string {
	parts := make([]string, len(ports))
	for i, p := range ports {
		parts[i] = strconv.Itoa(int(p))
	}
	return strings.Join(parts, " or ")
}
