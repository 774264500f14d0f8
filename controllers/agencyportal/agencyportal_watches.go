package agencyportal

import (
	"context"
	"slices"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// portalsOfAgency maps an agency to the portals in its namespace.
func (r *Reconciler) portalsOfAgency(ctx context.Context, o client.Object) []ctrl.Request {
	return r.list(ctx, client.InNamespace(names.Namespace(o.GetName())))
}

// portalsThatWait maps an agency to the portals that wait for room within its quota, or
// say that they are beyond it: the figure concerns no other one. What has started stays
// when it is lowered, and whether it is beyond it then is a fact of its own.
func (r *Reconciler) portalsThatWait(ctx context.Context, o client.Object) []ctrl.Request {
	return r.list(ctx, client.InNamespace(names.Namespace(o.GetName())), client.MatchingFields{names.IndexPortalWaits: names.Yes})
}

// consumersOfCarrier maps an agency to the portals that use the platforms which it carries.
func (r *Reconciler) consumersOfCarrier(ctx context.Context, o client.Object) []ctrl.Request {
	return r.consumersOf(ctx, watches.CarriedBy(ctx, r.Client, o.GetName()))
}

// consumersOf returns the portals that use some platforms.
func (r *Reconciler) consumersOf(ctx context.Context, platforms []v1alpha1.SharedPlatform) []ctrl.Request {
	var out []ctrl.Request
	for i := range platforms {
		out = append(out, r.list(ctx, client.MatchingFields{names.IndexPortalPlatform: platforms[i].Name})...)
	}
	return out
}

// zonesOf are the zones of an agency, and whose they are.
func zonesOf(a *v1alpha1.Agency) [2]string {
	return [2]string{string(a.UID), strings.Join(object.Sorted(a.Spec.Domains), " ")}
}

// portalsInZones maps an agency to the portals with host names in its zones, which are
// theirs or not by them. It looks at all portals, and only when zones come or go: an index
// of all zones above every host name would cost more than that.
func (r *Reconciler) portalsInZones(ctx context.Context, o client.Object) []ctrl.Request {
	a, ok := o.(*v1alpha1.Agency)
	if !ok || len(a.Spec.Domains) == 0 {
		return nil
	}
	var list v1alpha1.AgencyPortalList
	if err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		log.FromContext(ctx).Error(err, "Could not list portals in zones of an agency", "agency", a.Name)
		return nil
	}
	var out []ctrl.Request
	for i := range list.Items {
		p := &list.Items[i]
		if slices.ContainsFunc(p.Spec.Hostnames, func(h v1alpha1.DNSName) bool { return agency.Delegated(h, a.Spec.Domains) }) {
			out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		}
	}
	return out
}

// portalsOfGuard maps an agency's namespace or default deny to the portals that
// wait for it.
func (r *Reconciler) portalsOfGuard(ctx context.Context, o client.Object) []ctrl.Request {
	l := o.GetLabels()
	if l[names.LabelOwnerKind] != v1alpha1.KindAgency || !portalkind.Guards(o) {
		return nil
	}
	return r.list(ctx, client.InNamespace(names.Namespace(l[names.LabelOwnerName])))
}

// portalOfForeignPod maps a pod that the portal's own ReplicaSet did not make to
// the portal whose label it carries.
func portalOfForeignPod(_ context.Context, o client.Object) []ctrl.Request {
	portal := o.GetLabels()[names.LabelPortal]
	if portal == "" || names.PodOfDeployment(o, portal) {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: portal}}}
}

// portalsOfPolicy maps a policy to the portals that it selected or selects, and
// to those that use a platform that one of these carries.
func (r *Reconciler) portalsOfPolicy(ctx context.Context, o client.Object) []ctrl.Request {
	out := watches.PortalsOfPolicy(ctx, r.Client, o)
	return append(out, r.consumersOf(ctx, watches.PlatformsOf(ctx, r.Client, out))...)
}

// portalsOfPlatform maps a platform to the portals that reference it, and to the
// one that it is, which records that its agency agreed.
func (r *Reconciler) portalsOfPlatform(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SharedPlatform)
	if !ok {
		return nil
	}
	out := r.list(ctx, client.MatchingFields{names.IndexPortalPlatform: p.Name})
	// Those with the same capability and scope are duplicates because of it.
	same := watches.List(ctx, r.Client, &v1alpha1.SharedPlatformList{},
		client.MatchingFields{names.IndexPlatformFingerprint: object.Fingerprint(p.Spec.Capability, p.Spec.Scope)})
	for _, s := range same {
		if s.Name != p.Name {
			out = append(out, r.list(ctx, client.MatchingFields{names.IndexPortalPlatform: s.Name})...)
		}
	}
	if end := p.Spec.Endpoint.Portal; end != nil {
		out = append(out, ctrl.Request{NamespacedName: client.ObjectKey{Namespace: names.Namespace(string(end.Agency)), Name: string(end.Name)}})
	}
	return out
}

// consumersOfPortal maps the portal of a platform to those that reference the
// platform.
func (r *Reconciler) consumersOfPortal(ctx context.Context, o client.Object) []ctrl.Request {
	var out []ctrl.Request
	platforms := watches.List(ctx, r.Client, &v1alpha1.SharedPlatformList{},
		client.MatchingFields{names.IndexPlatformPortal: o.GetNamespace() + "/" + o.GetName()})
	for _, p := range platforms {
		out = append(out, r.list(ctx, client.MatchingFields{names.IndexPortalPlatform: p.Name})...)
	}
	return out
}

// stopped passes an update with which a portal's workload goes.
func stopped() predicate.Predicate {
	return predicate.And(updatesOnly(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*v1alpha1.AgencyPortal)
			after, ok2 := e.ObjectNew.(*v1alpha1.AgencyPortal)
			return ok1 && ok2 && portalkind.WritesDeployment(before) && !portalkind.WritesDeployment(after)
		},
	})
}

func updatesOnly() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// siblings maps a portal to those of its agency that may take its place when it goes,
// stops or is the one-stop system no more: to those that may wait for room, and to
// those that ask for the one-stop place, the portal itself among them if it does.
// No other one reads anything of it. A round that found no place read its portal from
// the cache that these indexes are of, before this event, so they have it.
func (r *Reconciler) siblings(ctx context.Context, o client.Object) []ctrl.Request {
	here := client.InNamespace(o.GetNamespace())
	return append(r.list(ctx, here, client.MatchingFields{names.IndexPortalWaits: names.Yes}),
		r.list(ctx, here, client.MatchingFields{names.IndexPortalOneStop: names.Yes})...)
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
		out = append(out, r.list(ctx, client.MatchingFields{names.IndexPortalHostname: string(h)})...)
	}
	if portalkind.OneStop(&p.Spec) {
		out = append(out, r.list(ctx, client.InNamespace(p.Namespace), client.MatchingFields{names.IndexPortalOneStop: names.Yes})...)
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
	return watches.List(ctx, r.Client, &v1alpha1.AgencyPortalList{}, opts...)
}
