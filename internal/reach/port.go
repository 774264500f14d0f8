package reach

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// portMatch is a NetworkPolicyPort, read. Exactly one of name and the range is used.
type portMatch struct {
	protocol corev1.Protocol
	// name is resolved against the destination pod's container ports.
	name string
	// first and last bound the numbers, inclusive.
	first, last int32
}

// readPort applies the API defaults and rules of NetworkPolicyPort (API reference): a protocol "defaults to TCP"; a
// port that is not given "matches all port names and numbers"; the range to endPort is inclusive, endPort needs a
// numerical port, and "must be equal or greater than port".
func (r *policyReader) readPort(source *networkingv1.NetworkPolicyPort, path *field.Path) (portMatch, bool) {
	match := portMatch{protocol: corev1.ProtocolTCP, first: 1, last: maxPortNumber}
	if source.Protocol != nil {
		match.protocol = *source.Protocol
	}
	if !supportedProtocol(match.protocol) {
		return r.noPort(path.Child("protocol"), fmt.Sprintf("%q is not TCP, UDP or SCTP", match.protocol))
	}
	switch {
	case source.Port == nil && source.EndPort != nil:
		return r.noPort(path.Child("endPort"), "endPort needs a port")
	case source.Port == nil:
		return match, true
	case source.Port.Type == intstr.String:
		return r.readNamedPort(match, source, path)
	}
	match.first, match.last = source.Port.IntVal, source.Port.IntVal
	if !validPortNumber(match.first) {
		return r.noPort(path.Child("port"), fmt.Sprintf("%d is not a port number, 1 to %d", match.first, maxPortNumber))
	}
	if source.EndPort != nil {
		match.last = *source.EndPort
		if match.last < match.first || !validPortNumber(match.last) {
			return r.noPort(path.Child("endPort"),
				fmt.Sprintf("%d is not a port number from %d to %d", match.last, match.first, maxPortNumber))
		}
	}
	return match, true
}

func (r *policyReader) readNamedPort(
	match portMatch, source *networkingv1.NetworkPolicyPort, path *field.Path,
) (portMatch, bool) {
	match.name = source.Port.StrVal
	if source.EndPort != nil {
		return r.noPort(path.Child("endPort"), "endPort cannot follow a named port")
	}
	if faults := validation.IsValidPortName(match.name); len(faults) > 0 {
		return r.noPort(path.Child("port"), fmt.Sprintf("%q is not a port name: %s", match.name, faults[0]))
	}
	return match, true
}

func (r *policyReader) noPort(path *field.Path, message string) (portMatch, bool) {
	r.report(path, message+"; this entry matches no port")
	return portMatch{}, false
}

// matches reports whether the port, at the destination, is one the rule names. The destination is nil when it is not a
// pod that selectors see; then a name resolves to nothing.
func (m portMatch) matches(port Port, destination *pod) bool {
	if m.protocol != port.Protocol {
		return false
	}
	if m.name != "" {
		return destination != nil && destination.resolvesTo(m.name, port)
	}
	return m.first <= port.Number && port.Number <= m.last
}
