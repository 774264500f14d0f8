package link

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// linkPolicies builds the pairs: one for the direct route, two over the sharing
// platform, which then is the only one that the provider lets in.
func linkPolicies(in Input) []object.Object {
	s := object.Scope{Owner: names.OwnerOf(v1alpha1.KindDataSharingLink, in.Link)}
	from, to, ports := portal.FlowEnd(in.Consumer), portal.FlowEnd(in.Provider), flow.Ports(in.Provider.Portal)
	id := names.Link(in.Link.Namespace, in.Link.Name)
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		return flow.Pair(s, id, from, to, ports)
	}
	via := portal.FlowEnd(in.Via)
	var out []object.Object
	if via != from {
		out = append(out, flow.Pair(s, id+"-in", from, via, flow.Ports(in.Via.Portal))...)
	}
	if via != to {
		out = append(out, flow.Pair(s, id+"-out", via, to, ports)...)
	}
	return out
}
