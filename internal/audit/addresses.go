package audit

import (
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/reach"
)

// addresses looks at what portals reach outside the cluster, and what reaches
// them from there: at both ends of every block that a policy or a platform
// names, right beside it, and at an address that is in none.
func (a *auditor) addresses() {
	ports := a.evaluator.RepresentativePorts()
	for k := range a.expected {
		ports = append(ports, k.port)
	}
	slices.SortFunc(ports, reach.Port.Compare)
	ports = slices.Compact(ports)
	points := a.points()
	for i, from := range a.keys {
		// Pods of one portal differ in nothing that a policy could tell apart but
		// their addresses; the matrix has looked at those.
		pod := a.groups[i].Endpoints[0]
		for _, port := range ports {
			for _, point := range points {
				a.outside(from, pod, point, port)
			}
		}
	}
}

func (a *auditor) outside(portal types.NamespacedName, pod reach.Endpoint, point netip.Addr, port reach.Port) {
	outside := reach.AddressEndpoint(point)
	out := a.evaluator.Evaluate(reach.Flow{From: pod, To: outside, Protocol: port.Protocol, Port: port.Number})
	if out.Reason == reach.ReasonLocalNode || out.Reason == reach.ReasonEndpointAmbiguous {
		return
	}
	var because []string
	var block edge
	for k, why := range a.expected {
		if k.from == portal && k.port == port && k.block.IsValid() && k.block.Contains(point) {
			because, block = why, k
		}
	}
	switch {
	case out.Allowed && because == nil:
		a.surplusOutside(fmt.Sprintf("%s reaches the address %s on %s, which no declared platform has", portal, point, port), portal.String()+" egress "+deciding(out), deciding(out))
	case !out.Allowed && because != nil && out.Reason == reach.ReasonPolicies:
		a.missing(block, because)
	}
	in := a.evaluator.Evaluate(reach.Flow{From: outside, To: pod, Protocol: port.Protocol, Port: port.Number})
	if in.Allowed && in.Reason == reach.ReasonPolicies {
		a.surplusOutside(fmt.Sprintf("the address %s reaches %s on %s", point, portal, port), portal.String()+" ingress "+deciding(in), deciding(in))
	}
}

// surplusOutside names one address and port of all that the same policies open.
func (a *auditor) surplusOutside(what, key, by string) {
	if a.named[key] {
		return
	}
	a.named[key] = true
	a.differ(KindOpen, "%s, and perhaps more; it is opened by %s", what, by)
}

// points are addresses that stand for all others. Those of pods are left out:
// they stand for their pods.
func (a *auditor) points() []netip.Addr {
	set := map[netip.Addr]bool{netip.MustParseAddr("198.51.100.1"): true, netip.MustParseAddr("2001:db8:ffff::1"): true}
	add := func(p netip.Prefix) {
		first, last := p.Masked().Addr(), lastOf(p)
		for _, x := range []netip.Addr{first, last, first.Prev(), last.Next()} {
			if x.IsValid() {
				set[x] = true
			}
		}
	}
	for k := range a.expected {
		if k.block.IsValid() {
			add(k.block)
		}
	}
	for i := range a.in.Snapshot.Policies {
		for _, b := range blocks(&a.in.Snapshot.Policies[i]) {
			for _, c := range append([]string{b.CIDR}, b.Except...) {
				if p, err := netip.ParsePrefix(c); err == nil {
					add(p)
				}
			}
		}
	}
	for i := range a.in.Snapshot.Pods {
		for _, ip := range a.in.Snapshot.Pods[i].Status.PodIPs {
			if x, err := netip.ParseAddr(ip.IP); err == nil {
				delete(set, x.Unmap())
			}
		}
	}
	out := make([]netip.Addr, 0, len(set))
	for x := range set {
		out = append(out, x)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

func blocks(p *networkingv1.NetworkPolicy) []*networkingv1.IPBlock {
	var out []*networkingv1.IPBlock
	peers := func(list []networkingv1.NetworkPolicyPeer) {
		for i := range list {
			if list[i].IPBlock != nil {
				out = append(out, list[i].IPBlock)
			}
		}
	}
	for i := range p.Spec.Egress {
		peers(p.Spec.Egress[i].To)
	}
	for i := range p.Spec.Ingress {
		peers(p.Spec.Ingress[i].From)
	}
	return out
}
