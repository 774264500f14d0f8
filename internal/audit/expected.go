package audit

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/reach"
)

// edge is one open port between two portals, or from a portal to a block.
type edge struct {
	from, to types.NamespacedName
	block    netip.Prefix
	port     reach.Port
}

// target is the portal or the block that an edge leads to.
func (e edge) target() string {
	if e.block.IsValid() {
		return e.block.String()
	}
	return e.to.String()
}

// expectation maps what should be open to why.
type expectation map[edge][]string

func (e expectation) add(f flow.Open, because string) {
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

// flows lists the expectation, without the edges that are shut.
func (e expectation) flows(shut map[edge]bool) []Flow {
	out := []Flow{}
	for k, because := range e {
		if shut[k] {
			continue
		}
		slices.Sort(because)
		out = append(out, Flow{From: k.from.String(), To: k.target(), Port: k.port.String(), Because: slices.Compact(because)})
	}
	slices.SortFunc(out, func(a, b Flow) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Port, b.Port))
	})
	return out
}

// nameServers are expected to be open to what runs, where they have addresses.
func (a *auditor) nameServers(in portal.Input, out portal.Output) {
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
