package desired

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// OpenFlow is what may pass: one TCP port from a portal to another portal, or to
// addresses outside the cluster.
type OpenFlow struct {
	From types.NamespacedName
	// To is empty when CIDRs say where the flow goes.
	To    types.NamespacedName
	CIDRs []string
	Port  int32
}

// LinkFlows says what may pass over a link, from its references and not from the
// policies that are built for it, so that each can be held against the other.
func LinkFlows(in LinkInput, out LinkOutput) []OpenFlow {
	if !out.Open {
		return nil
	}
	from, to := keyOf(in.Consumer.Portal), keyOf(in.Provider.Portal)
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		return portFlows(from, to, in.Provider.Portal)
	}
	via := keyOf(in.Via.Portal)
	var flows []OpenFlow
	if via != from {
		flows = append(flows, portFlows(from, via, in.Via.Portal)...)
	}
	if via != to {
		flows = append(flows, portFlows(via, to, in.Provider.Portal)...)
	}
	return flows
}

// PlatformFlows says what may pass from a portal to the shared platforms that
// the spec which runs references.
func PlatformFlows(in PortalInput, out PortalOutput) []OpenFlow {
	if out.Running == nil || suspended(in) {
		return nil
	}
	agency := portalScope(in).agency
	from := keyOf(in.Portal)
	var flows []OpenFlow
	for _, ref := range out.Running.PlatformRefs {
		p, b := resolvePlatform(in, agency, string(ref.Name))
		if b != nil {
			continue
		}
		if ext := p.Platform.Spec.Endpoint.External; ext != nil {
			flows = append(flows, OpenFlow{From: from, CIDRs: sortedStrings(ext.CIDRs), Port: ext.Port})
			continue
		}
		if to := keyOf(p.Endpoint.Portal); to != from {
			flows = append(flows, portFlows(from, to, p.Endpoint.Portal)...)
		}
	}
	return flows
}

// portFlows are the flows to a portal, one for each port that its pods listen on.
func portFlows(from, to types.NamespacedName, p *v1alpha1.AgencyPortal) []OpenFlow {
	var out []OpenFlow
	for _, number := range Ports(p) {
		out = append(out, OpenFlow{From: from, To: to, Port: number})
	}
	return out
}

func keyOf(p *v1alpha1.AgencyPortal) types.NamespacedName {
	return types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
}
