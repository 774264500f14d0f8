package datasharinglink

import (
	"context"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// allLinks is for what concerns every link: the time.
func (r *Reconciler) allLinks(ctx context.Context, _ client.Object) []ctrl.Request {
	return r.list(ctx)
}

func linkOfApproval(_ context.Context, o client.Object) []ctrl.Request {
	a, ok := o.(*v1alpha1.DataSharingApproval)
	if !ok {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: string(a.Spec.LinkRef.Namespace), Name: string(a.Spec.LinkRef.Name)}}}
}

// linksOfService maps a service to the links to it, and to those to the agency's
// services of the same portal or dataset, whose classification it has a say in.
// The links are listed once and not for every sibling: an agency with many of
// both would hold up the events of all others.
func (r *Reconciler) linksOfService(ctx context.Context, o client.Object) []ctrl.Request {
	agency, isAgency := names.AgencyOf(o.GetNamespace())
	s, ok := o.(*v1alpha1.DataService)
	if !ok || !isAgency {
		return r.linksTo(ctx, client.ObjectKeyFromObject(o))
	}
	siblings := map[string]bool{s.Name: true}
	for _, by := range []client.MatchingFields{{names.IndexServicePortal: string(s.Spec.PortalRef.Name)}, {names.IndexServiceDataset: string(s.Spec.Dataset)}} {
		for _, sibling := range r.services(ctx, s.Namespace, by) {
			siblings[sibling.Name] = true
		}
	}
	return r.linksToAny(ctx, agency, siblings)
}

// linksToAny returns the links to some services of an agency.
func (r *Reconciler) linksToAny(ctx context.Context, agency string, services map[string]bool) []ctrl.Request {
	var links v1alpha1.DataSharingLinkList
	err := r.Client.List(ctx, &links, client.MatchingFields{names.IndexLinkProviderAgency: agency}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list links to an agency's services", "agency", agency)
		return nil
	}
	var out []ctrl.Request
	for i := range links.Items {
		if l := &links.Items[i]; services[string(l.Spec.Provider.Service)] {
			out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(l)})
		}
	}
	return out
}

// linksToServicesOf maps portals of an agency to the links to their services, and to
// those of the same datasets, in whose classification they have a say.
func (r *Reconciler) linksToServicesOf(ctx context.Context, namespace string, portals map[string]bool) []ctrl.Request {
	agency, ok := names.AgencyOf(namespace)
	all := r.services(ctx, namespace)
	datasets, services := map[v1alpha1.ObjectName]bool{}, map[string]bool{}
	for i := range all {
		if portals[string(all[i].Spec.PortalRef.Name)] {
			datasets[all[i].Spec.Dataset] = true
		}
	}
	for i := range all {
		if datasets[all[i].Spec.Dataset] {
			services[all[i].Name] = true
		}
	}
	if !ok || len(services) == 0 {
		return nil
	}
	return r.linksToAny(ctx, agency, services)
}

// services lists an agency's services, or those that something is true of.
func (r *Reconciler) services(ctx context.Context, namespace string, which ...client.ListOption) []v1alpha1.DataService {
	var list v1alpha1.DataServiceList
	err := r.Client.List(ctx, &list, append(which, client.InNamespace(namespace), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip)...)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list an agency's services", "namespace", namespace)
	}
	return list.Items
}

func (r *Reconciler) linksTo(ctx context.Context, service client.ObjectKey) []ctrl.Request {
	return r.list(ctx, client.MatchingFields{names.IndexLinkService: service.String()})
}

// linksOfPortal maps a portal to the links that it consumes or provides, and,
// if it carries the sharing platform, to all that pass over it.
func (r *Reconciler) linksOfPortal(ctx context.Context, o client.Object) []ctrl.Request {
	out := r.list(ctx, client.InNamespace(o.GetNamespace()), client.MatchingFields{names.IndexLinkConsumer: o.GetName()})
	out = append(out, r.linksToServicesOf(ctx, o.GetNamespace(), map[string]bool{o.GetName(): true})...)
	var platforms v1alpha1.SharedPlatformList
	if err := r.Client.List(ctx, &platforms, client.MatchingFields{names.IndexPlatformPortal: o.GetNamespace() + "/" + o.GetName()}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		log.FromContext(ctx).Error(err, "Could not list platforms of a portal")
	}
	return append(out, r.linksOverAny(ctx, platforms.Items)...)
}

// linksOfAgency maps an agency to the links of which it is an end.
func (r *Reconciler) linksOfAgency(ctx context.Context, o client.Object) []ctrl.Request {
	return append(r.list(ctx, client.InNamespace(names.Namespace(o.GetName()))),
		r.list(ctx, client.MatchingFields{names.IndexLinkProviderAgency: o.GetName()})...)
}

// linksOfCarrier maps an agency to the links over the platforms that it carries.
func (r *Reconciler) linksOfCarrier(ctx context.Context, o client.Object) []ctrl.Request {
	return r.linksOverAny(ctx, watches.CarriedBy(ctx, r.Client, o.GetName()))
}

// linksOverAny maps some platforms to the links over them.
func (r *Reconciler) linksOverAny(ctx context.Context, platforms []v1alpha1.SharedPlatform) []ctrl.Request {
	var out []ctrl.Request
	for i := range platforms {
		out = append(out, r.linksOverPlatform(ctx, &platforms[i])...)
	}
	return out
}

// linksOfAuthority maps the authority's agency to all links: its people read each.
func (r *Reconciler) linksOfAuthority(ctx context.Context, o client.Object) []ctrl.Request {
	if o.GetName() != r.Settings.AuthorityAgency {
		return nil
	}
	return r.list(ctx)
}

// linksOfPolicy maps a policy to the links of the portals that it selected before or
// selects now. An agency's links and services are listed once, and not for each of its
// portals, and the few platforms of all once.
func (r *Reconciler) linksOfPolicy(ctx context.Context, o client.Object) []ctrl.Request {
	selected := map[string]map[string]bool{}
	all := watches.PortalsOfPolicy(ctx, r.Client, o)
	for _, p := range all {
		if selected[p.Namespace] == nil {
			selected[p.Namespace] = map[string]bool{}
		}
		selected[p.Namespace][p.Name] = true
	}
	var out []ctrl.Request
	for namespace, portals := range selected {
		out = append(out, r.linksFrom(ctx, namespace, portals)...)
		out = append(out, r.linksToServicesOf(ctx, namespace, portals)...)
	}
	return append(out, r.linksOverAny(ctx, watches.PlatformsOf(ctx, r.Client, all))...)
}

// linksFrom maps portals of an agency to the links that they consume.
func (r *Reconciler) linksFrom(ctx context.Context, namespace string, portals map[string]bool) []ctrl.Request {
	var links v1alpha1.DataSharingLinkList
	if err := r.Client.List(ctx, &links, client.InNamespace(namespace), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency, unreadable.Skip); err != nil {
		log.FromContext(ctx).Error(err, "Could not list an agency's links", "namespace", namespace)
		return nil
	}
	var out []ctrl.Request
	for i := range links.Items {
		if portals[string(links.Items[i].Spec.Consumer.PortalRef.Name)] {
			out = append(out, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&links.Items[i])})
		}
	}
	return out
}

// linksOverPlatform maps a sharing platform, or one that a sharing platform may
// be a duplicate of, to every link that takes it.
func (r *Reconciler) linksOverPlatform(ctx context.Context, o client.Object) []ctrl.Request {
	p, ok := o.(*v1alpha1.SharedPlatform)
	if !ok {
		return nil
	}
	var same v1alpha1.SharedPlatformList
	twins := client.MatchingFields{names.IndexPlatformFingerprint: object.Fingerprint(p.Spec.Capability, p.Spec.Scope)}
	err := r.Client.List(ctx, &same, twins, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "Could not list platforms with the same capability")
	}
	out := r.linksToPlatform(ctx, p)
	// The platform itself may be gone from the list.
	shares := func(p v1alpha1.SharedPlatform) bool { return p.Spec.Type == v1alpha1.PlatformDataSharing }
	if err == nil && !shares(*p) && !slices.ContainsFunc(same.Items, shares) {
		return out
	}
	return append(out, r.list(ctx, client.MatchingFields{names.IndexLinkRoute: string(v1alpha1.RoutePlatform)})...)
}

// linksToPlatform maps a platform to the links to services of the portal that it
// is: a portal that is open to others shares nothing by link.
func (r *Reconciler) linksToPlatform(ctx context.Context, p *v1alpha1.SharedPlatform) []ctrl.Request {
	end := p.Spec.Endpoint.Portal
	if end == nil {
		return nil
	}
	return r.linksToServicesOf(ctx, names.Namespace(string(end.Agency)), map[string]bool{string(end.Name): true})
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) []ctrl.Request {
	return watches.List(ctx, r.Client, &v1alpha1.DataSharingLinkList{}, opts...)
}
