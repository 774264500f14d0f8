package reach

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// protocols are those that a NetworkPolicyPort can name, in the order of [Port.Compare].
var protocols = [...]corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP}

// RepresentativePorts returns a sorted list of ports that stands for all of them: between any two endpoints, the verdict
// for a port equals the verdict for the greatest representative of its protocol that is not above it. Whoever looks at
// these ports has looked at every port and protocol, which is what a proof of isolation needs.
func (e *Evaluator) RepresentativePorts() []Port {
	var ports []Port
	for _, protocol := range protocols {
		ports = append(ports, Port{Protocol: protocol, Number: 1})
	}
	names := make(map[string]bool)
	for _, p := range e.policies {
		for _, d := range directions {
			for i := range p.rules[d] {
				for _, m := range p.rules[d][i].ports {
					if m.name != "" {
						names[m.name] = true
						continue
					}
					ports = appendRange(ports, m.protocol, m.first, m.last)
				}
			}
		}
	}
	for _, p := range e.pods {
		for _, named := range p.namedPorts {
			if names[named.name] {
				ports = appendRange(ports, named.port.Protocol, named.port.Number, named.port.Number)
			}
		}
	}
	slices.SortFunc(ports, Port.Compare)
	return slices.Compact(ports)
}

// appendRange adds where a range begins, and where what follows it begins.
func appendRange(ports []Port, protocol corev1.Protocol, first, last int32) []Port {
	ports = append(ports, Port{Protocol: protocol, Number: first})
	if last < maxPortNumber {
		ports = append(ports, Port{Protocol: protocol, Number: last + 1})
	}
	return ports
}
