package watches

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/names"
)

// PortalsOfPolicy maps a policy to the portals that it selected before and those
// that it selects now, through the index that has the fewest of them.
func PortalsOfPolicy(ctx context.Context, r client.Reader, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SecurityPolicy)
	if !ok {
		return nil
	}
	list := func(opts ...client.ListOption) []ctrl.Request {
		return List(ctx, r, &v1alpha1.AgencyPortalList{}, opts...)
	}
	out := list(client.MatchingFields{gather.IndexPortalPolicy: p.Name})
	sel := p.Spec.Selector
	switch {
	case len(sel.Agencies) > 0:
		for _, a := range sel.Agencies {
			out = append(out, list(client.InNamespace(names.Namespace(string(a))))...)
		}
	case len(sel.SecurityLevels) > 0:
		for _, l := range sel.SecurityLevels {
			out = append(out, list(client.MatchingFields{gather.IndexPortalLevel: gather.LevelKey(l)})...)
		}
	case len(sel.Exposures) > 0:
		for _, e := range sel.Exposures {
			out = append(out, list(client.MatchingFields{gather.IndexPortalExposure: string(e)})...)
		}
	default:
		out = append(out, list()...)
	}
	return out
}
