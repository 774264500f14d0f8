package link

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
)

// Flows says what may pass over a link, from its references and not from the
// policies that are built for it, so that each can be held against the other.
func Flows(in Input, out Output) []flow.Open {
	if !out.Open {
		return nil
	}
	from, to := flow.KeyOf(in.Consumer.Portal), flow.KeyOf(in.Provider.Portal)
	if in.Link.Spec.Route == v1alpha1.RouteDirect {
		return flow.ToPorts(from, to, in.Provider.Portal)
	}
	via := flow.KeyOf(in.Via.Portal)
	var flows []flow.Open
	if via != from {
		flows = append(flows, flow.ToPorts(from, via, in.Via.Portal)...)
	}
	if via != to {
		flows = append(flows, flow.ToPorts(via, to, in.Provider.Portal)...)
	}
	return flows
}
