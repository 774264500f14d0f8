package agency

import (
	"context"
	"maps"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// relatedAgencies maps an agency to its children, which wait for it, to its
// parent, which counts it, and to those with the same code, which wait for it to
// go.
func (r *Reconciler) relatedAgencies(ctx context.Context, o client.Object) []ctrl.Request {
	a, ok := o.(*v1alpha1.Agency)
	if !ok {
		return nil
	}
	var out []ctrl.Request
	if ref := a.Spec.ParentRef; ref != nil {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Name: string(ref.Name)}})
	}
	related, err := agency.RelatedByZone(ctx, r.Client, a)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list agencies with overlapping zones", "agency", a.Name)
	}
	for _, name := range related {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	for _, fields := range []client.MatchingFields{{names.IndexAgencyParent: a.Name}, {names.IndexAgencyCode: a.Spec.Code}} {
		for _, req := range watches.List(ctx, r.Client, &v1alpha1.AgencyList{}, fields) {
			if req.Name != a.Name {
				out = append(out, req)
			}
		}
	}
	return out
}

// allAgencies maps to every agency.
func (r *Reconciler) allAgencies(ctx context.Context, _ client.Object) []ctrl.Request {
	return watches.List(ctx, r.Client, &v1alpha1.AgencyList{})
}

// agencyOfNamespace maps an object to the agency whose namespace it is in.
func agencyOfNamespace(_ context.Context, o client.Object) []ctrl.Request {
	name, ok := names.AgencyOf(o.GetNamespace())
	if !ok {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Name: name}}}
}

// agenciesOfLink maps a link to those who have a part in it, and to the
// authority.
func (r *Reconciler) agenciesOfLink(_ context.Context, o client.Object) []ctrl.Request {
	l, ok := o.(*v1alpha1.DataSharingLink)
	if !ok {
		return nil
	}
	return r.partiesOf([]v1alpha1.DataSharingLink{*l})
}

// agenciesOfData maps a portal or a data service to its agency, and to those who
// have a part in a link to it: what it holds makes them hold personal data too.
func (r *Reconciler) agenciesOfData(ctx context.Context, o client.Object) []ctrl.Request {
	out := agencyOfNamespace(ctx, o)
	if len(out) == 0 {
		return nil
	}
	var links v1alpha1.DataSharingLinkList
	err := r.Client.List(ctx, &links, client.MatchingFields{names.IndexLinkProviderAgency: out[0].Name}, client.UnsafeDisableDeepCopy, unreadable.Skip)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list links to an agency's data", "agency", out[0].Name)
	}
	if len(links.Items) == 0 {
		return out
	}
	return append(out, r.partiesOf(links.Items)...)
}

func (r *Reconciler) partiesOf(links []v1alpha1.DataSharingLink) []ctrl.Request {
	parties := map[string]bool{r.Settings.AuthorityAgency: true}
	for i := range links {
		for _, name := range object.LinkAgencies(&links[i]) {
			parties[name] = true
		}
	}
	var out []ctrl.Request
	for _, name := range slices.Sorted(maps.Keys(parties)) {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	return out
}

// carrierOf maps a sharing platform to the agency that carries its traffic.
func carrierOf(_ context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SharedPlatform)
	if !ok {
		return nil
	}
	carrier := agency.Carrier(p)
	if carrier == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Name: carrier}}}
}
