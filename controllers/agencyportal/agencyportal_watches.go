package agencyportal

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/names"
)

// portalsOfAgency maps an agency to the portals in its namespace.
func (r *Reconciler) portalsOfAgency(ctx context.Context, o client.Object) []ctrl.Request {
	return r.list(ctx, client.InNamespace(names.Namespace(o.GetName())))
}

// portalsOfGuard maps an agency's namespace or default deny to the portals that
// wait for it.
func (r *Reconciler) portalsOfGuard(ctx context.Context, o client.Object) []ctrl.Request {
	l := o.GetLabels()
	if l[names.LabelOwnerKind] != "Agency" {
		return nil
	}
	return r.list(ctx, client.InNamespace(names.Namespace(l[names.LabelOwnerName])))
}

// portalsOfPolicy maps a policy to the portals that it selected before and those
// that it selects now, through the index that has the fewest of them.
func (r *Reconciler) portalsOfPolicy(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SecurityPolicy)
	if !ok {
		return nil
	}
	out := r.list(ctx, client.MatchingFields{gather.IndexPortalPolicy: p.Name})
	sel := p.Spec.Selector
	switch {
	case len(sel.Agencies) > 0:
		for _, a := range sel.Agencies {
			out = append(out, r.list(ctx, client.InNamespace(names.Namespace(string(a))))...)
		}
	case len(sel.SecurityLevels) > 0:
		for _, l := range sel.SecurityLevels {
			out = append(out, r.list(ctx, client.MatchingFields{gather.IndexPortalLevel: gather.LevelKey(l)})...)
		}
	case len(sel.Exposures) > 0:
		for _, e := range sel.Exposures {
			out = append(out, r.list(ctx, client.MatchingFields{gather.IndexPortalExposure: string(e)})...)
		}
	default:
		out = append(out, r.list(ctx)...)
	}
	return out
}

// siblings maps a portal to the others of its agency: when it goes, there is
// room for the next.
func (r *Reconciler) siblings(ctx context.Context, o client.Object) []ctrl.Request {
	return r.list(ctx, client.InNamespace(o.GetNamespace()))
}

// rivals maps a portal to others that claim one of its host names or the
// agency's one-stop system: when it goes, the next one holds it.
func (r *Reconciler) rivals(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.AgencyPortal)
	if !ok {
		return nil
	}
	var out []ctrl.Request
	for _, h := range p.Spec.Hostnames {
		out = append(out, r.list(ctx, client.MatchingFields{gather.IndexPortalHostname: string(h)})...)
	}
	for _, c := range p.Spec.Components {
		if c == v1alpha1.ComponentOneStop {
			out = append(out, r.list(ctx, client.InNamespace(p.Namespace))...)
		}
	}
	self := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p)}
	others := out[:0]
	for _, req := range out {
		if req != self {
			others = append(others, req)
		}
	}
	return others
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) []ctrl.Request {
	var portals v1alpha1.AgencyPortalList
	if err := r.Client.List(ctx, &portals, append(opts, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)...); err != nil {
		log.FromContext(ctx).Error(err, "Could not list portals for an event")
		return nil
	}
	out := make([]ctrl.Request, len(portals.Items))
	for i := range portals.Items {
		out[i] = ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&portals.Items[i])}
	}
	return out
}
