package audit

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/reach"
)

// edge is one open port between two portals, or from a portal to a block.
type edge struct {
	from, to types.NamespacedName
	block    netip.Prefix
	port     reach.Port
}

// expectation maps what should be open to why.
type expectation map[edge][]string

func (e expectation) add(f desired.OpenFlow, because string) {
	put := func(k edge) { e[k] = append(e[k], because) }
	port := reach.Port{Protocol: corev1.ProtocolTCP, Number: f.Port}
	for _, c := range f.CIDRs {
		// What can't be read is expected to be shut.
		if block, err := netip.ParsePrefix(c); err == nil {
			put(edge{from: f.From, block: block.Masked(), port: port})
		}
	}
	if len(f.CIDRs) == 0 {
		put(edge{from: f.From, to: f.To, port: port})
	}
}

// flows lists the expectation, without those that are in the list of missing ones.
func (e expectation) flows(missing []Flow) []Flow {
	out := []Flow{}
	for k, because := range e {
		slices.Sort(because)
		f := Flow{From: k.from.String(), To: k.to.String(), Port: k.port.String(), Because: slices.Compact(because)}
		if k.block.IsValid() {
			f.To = k.block.String()
		}
		if !slices.ContainsFunc(missing, func(m Flow) bool { return m.From == f.From && m.To == f.To && m.Port == f.Port }) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Flow) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Port, b.Port))
	})
	return out
}

// nameServers are expected to be open to what runs, where they have addresses.
func (a *auditor) nameServers(in desired.PortalInput, out desired.PortalOutput) {
	if out.Running == nil || in.Agency == nil || in.Agency.Spec.Suspended {
		return
	}
	for _, c := range in.Settings.ClusterDNS.Addresses {
		block, err := netip.ParsePrefix(c)
		if err != nil {
			continue
		}
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			k := edge{from: types.NamespacedName{Namespace: in.Portal.Namespace, Name: in.Portal.Name}, block: block.Masked(), port: reach.Port{Protocol: protocol, Number: 53}}
			a.expected[k] = append(a.expected[k], "clusterDNS of the installation")
		}
	}
}
