package control

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
)

var network = []Control{{
	Name:    "network.denyInternetEgress",
	What:    "no rule to addresses outside the platform; its name servers and the declared networks are inside",
	Of:      "one is enough",
	Demands: func(s *Spec) bool { return s.Network != nil && s.Network.DenyInternetEgress },
	Evaluate: func(_ *Spec, w Workload) []Finding {
		var out []Finding
		for _, p := range w.Policies {
			for _, rule := range p.Spec.Egress {
				if len(rule.To) == 0 || slices.ContainsFunc(rule.To, w.outside) {
					out = append(out, Finding{
						Found:  "NetworkPolicy " + p.Name + " opens egress to addresses outside the declared networks",
						Wanted: "egress to pods of the platform and to the declared networks only",
					})
				}
			}
		}
		return out
	},
}}

// outside reports whether a peer has addresses outside the platform.
func (w Workload) outside(peer networkingv1.NetworkPolicyPeer) bool {
	return peer.IPBlock != nil && !slices.Contains(w.NameServers, peer.IPBlock.CIDR) && !InNetworks(w.Networks, peer.IPBlock.CIDR)
}

// InNetworks reports whether a block lies in one of the networks. What can't be
// parsed contains nothing, and lies nowhere.
func InNetworks(networks []string, block string) bool {
	p, err := netip.ParsePrefix(block)
	return err == nil && slices.ContainsFunc(networks, func(network string) bool {
		n, err := netip.ParsePrefix(network)
		return err == nil && n.Bits() <= p.Bits() && n.Contains(p.Addr())
	})
}
