package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Snapshot is what the evaluation looks at; nothing else exists for it. The objects are not modified, and must not be
// while an [Evaluator] built from them is in use.
type Snapshot struct {
	// Namespaces carry the labels that namespaceSelectors match. A pod whose namespace is missing here is matched by no
	// namespaceSelector, not even an empty one.
	Namespaces []corev1.Namespace
	// Pods are the subjects and peers of the policies, in any phase.
	Pods []corev1.Pod
	// Policies are evaluated as the API server would store them: omitted fields take their API defaults.
	Policies []networkingv1.NetworkPolicy
}

// Endpoint is one end of a flow: a pod, or an IP address. Build it with [PodEndpoint] or [AddressEndpoint]; the zero
// value names nothing and reaches nothing.
type Endpoint struct {
	// Namespace of the pod; empty for an address.
	Namespace string
	// Name of the pod; empty for an address.
	Name string
	// Address is an IPv4 or IPv6 address, invalid for a pod. An address that belongs to a pod of the snapshot stands for
	// that pod, reached over that address: no network plugin can tell the two apart.
	Address netip.Addr
}

// PodEndpoint returns the endpoint that is the pod of that name.
func PodEndpoint(namespace, name string) Endpoint {
	return Endpoint{Namespace: namespace, Name: name}
}

// AddressEndpoint returns the endpoint at an IP address. An IPv4 address mapped into IPv6 is taken as IPv4.
func AddressEndpoint(address netip.Addr) Endpoint {
	return Endpoint{Address: address.Unmap()}
}

// String returns namespace/name for a pod, or the address.
func (e Endpoint) String() string {
	if e.Address.IsValid() {
		return e.Address.String()
	}
	return e.Namespace + "/" + e.Name
}

// Compare orders endpoints: pods by namespace and name, then addresses.
func (e Endpoint) Compare(other Endpoint) int {
	return cmp.Or(
		e.Address.Compare(other.Address),
		cmp.Compare(e.Namespace, other.Namespace),
		cmp.Compare(e.Name, other.Name),
	)
}

// Port is a port number on a protocol, as a connection is opened to it at the destination.
type Port struct {
	// Protocol is TCP, UDP or SCTP: the protocols that a NetworkPolicyPort can name (API reference).
	Protocol corev1.Protocol
	// Number is a port number, 1 to 65535.
	Number int32
}

// String returns the port as TCP/443.
func (p Port) String() string { return string(p.Protocol) + "/" + strconv.Itoa(int(p.Number)) }

// Compare orders ports by protocol, then by number.
func (p Port) Compare(other Port) int {
	return cmp.Or(cmp.Compare(p.Protocol, other.Protocol), cmp.Compare(p.Number, other.Number))
}

// valid reports whether a connection can be opened to the port at all.
func (p Port) valid() bool {
	return supportedProtocol(p.Protocol) && validPortNumber(p.Number)
}

func supportedProtocol(p corev1.Protocol) bool {
	return p == corev1.ProtocolTCP || p == corev1.ProtocolUDP || p == corev1.ProtocolSCTP
}

const maxPortNumber = 65535

func validPortNumber(n int32) bool { return n >= 1 && n <= maxPortNumber }

// Flow is one connection that is about to be opened. Replies belong to the connection and are allowed with it.
type Flow struct {
	// From opens the connection.
	From Endpoint
	// To accepts it. A Service is not an endpoint: ask for the pods behind it, and for their port.
	To Endpoint
	// Protocol is TCP, UDP or SCTP.
	Protocol corev1.Protocol
	// Port is the destination's port number, 1 to 65535.
	Port int32
}

// String returns the flow as "a/web → b/api TCP/443".
func (f Flow) String() string { return fmt.Sprintf("%s → %s %s", f.From, f.To, f.destinationPort()) }

func (f Flow) destinationPort() Port { return Port{Protocol: f.Protocol, Number: f.Port} }

// Direction is the side of a flow that a policy acts on.
type Direction int

const (
	// Egress is the source's side.
	Egress Direction = iota
	// Ingress is the destination's side.
	Ingress
)

// directions is both of them, in the order in which a connection passes them.
var directions = [...]Direction{Egress, Ingress}

// String returns "egress" or "ingress".
func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}
