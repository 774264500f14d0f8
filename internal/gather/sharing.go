package gather

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// DataService reads what decides about a data service.
func DataService(ctx context.Context, r client.Reader, s settings.Settings, svc *v1alpha1.DataService, now time.Time) (desired.ServiceInput, error) {
	in := desired.ServiceInput{Settings: s, Service: svc, Now: now}
	var err error
	if in.Provider, err = portalWithAgency(ctx, r, svc.Namespace, string(svc.Spec.PortalRef.Name)); err != nil {
		return in, err
	}
	var claims v1alpha1.DataServiceList
	var bad []*unreadable.Error
	if err := r.List(ctx, &claims, client.MatchingFields{IndexServiceDataset: string(svc.Spec.Dataset)}, unreadable.Collect(&bad)); err != nil {
		return in, fmt.Errorf("list services with dataset %s: %w", svc.Spec.Dataset, err)
	}
	all, unread, err := policies(ctx, r, func(e *unreadable.Error) bool { return e.OwnsDatasets })
	if err != nil {
		return in, err
	}
	in.AssignedTo, in.DisputedBy = policy.AssignedOwner(policy.InForce(all), string(svc.Spec.Dataset))
	elsewhere := in.AssignedTo != "" && !desired.OfAgency(svc, in.AssignedTo)
	if unread != nil && len(in.DisputedBy) == 0 && !elsewhere {
		return in, unread
	}
	if i := slices.IndexFunc(bad, func(e *unreadable.Error) bool {
		ofAgency := in.AssignedTo == "" || e.Key.Namespace == names.Namespace(in.AssignedTo)
		return ofAgency && e.ClaimsDataset(string(svc.Spec.Dataset))
	}); i >= 0 && len(in.DisputedBy) == 0 && !elsewhere {
		// It may be the owner, and who owns the dataset is settled with time.
		return in, bad[i]
	}
	holder, err := datasetHolder(ctx, r, in, ptrs(claims.Items))
	if err != nil {
		return in, err
	}
	if holder != nil {
		in.DatasetHolder, in.HolderSettled = holder.Namespace+"/"+holder.Name, desired.SettledOwner(holder, s, now)
	}
	if in.OpenPlatform, err = openPlatform(ctx, r, in.Provider.Portal); err != nil {
		return in, err
	}
	in.Consumers, in.Links, err = consumers(ctx, r, svc)
	return in, err
}

// datasetHolder returns the valid claimant of a service's dataset that is settled, else
// the one that came to own it first, or the oldest if none has; nil when that is the
// service itself or there is none. The age of an object alone says little: anybody can have an
// old one and name another dataset in it, or give it its portal later.
func datasetHolder(ctx context.Context, r client.Reader, in desired.ServiceInput, claims []*v1alpha1.DataService) (*v1alpha1.DataService, error) {
	var holder *v1alpha1.DataService
	for _, c := range claims {
		p := in.Provider
		if c.UID == in.Service.UID {
			c = in.Service
		} else {
			var err error
			if p, err = portalWithAgency(ctx, r, c.Namespace, string(c.Spec.PortalRef.Name)); err != nil {
				return nil, err
			}
		}
		if !desired.ValidClaim(c, p) || in.AssignedTo != "" && p.Agency.Name != in.AssignedTo {
			continue
		}
		if holder == nil || claimsBefore(in, c, holder) {
			holder = c
		}
	}
	if holder == in.Service {
		return nil, nil
	}
	return holder, nil
}

// claimsBefore reports whether the claim of one service on a dataset goes before
// that of another.
func claimsBefore(in desired.ServiceInput, a, b *v1alpha1.DataService) bool {
	if settled := desired.SettledOwner(a, in.Settings, in.Now); settled != desired.SettledOwner(b, in.Settings, in.Now) {
		return settled
	}
	switch x, y := desired.HeldClaim(a), desired.HeldClaim(b); {
	case x == nil && y == nil:
		return Precedes(a, b)
	case x == nil || y == nil:
		return x != nil
	case x.HeldSince.Equal(&y.HeldSince):
		return Precedes(a, b)
	default:
		return x.HeldSince.Before(&y.HeldSince)
	}
}

// openPlatform names a shared platform that a portal agreed to be and that
// agencies other than its own reach without a link; empty for none.
func openPlatform(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (string, error) {
	if p == nil {
		return "", nil
	}
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, client.MatchingFields{IndexPlatformPortal: p.Namespace + "/" + p.Name}); err != nil {
		return "", fmt.Errorf("list platforms of the portal: %w", err)
	}
	var open []string
	for i := range list.Items {
		if s := &list.Items[i]; desired.OpenToOthers(p, s) {
			open = append(open, s.Name)
		}
	}
	slices.Sort(open)
	if len(open) == 0 {
		return "", nil
	}
	return open[0], nil
}

// consumers lists the portals with an open link to a service, and all links that
// ask for it.
func consumers(ctx context.Context, r client.Reader, svc *v1alpha1.DataService) (portals, asking []string, err error) {
	var links v1alpha1.DataSharingLinkList
	if err := r.List(ctx, &links, client.MatchingFields{IndexLinkService: svc.Namespace + "/" + svc.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list links of the service: %w", err)
	}
	for i := range links.Items {
		l := &links.Items[i]
		asking = append(asking, l.Namespace+"/"+l.Name)
		if meta.IsStatusConditionTrue(l.Status.Conditions, v1alpha1.ConditionPolicyPaired) {
			portals = append(portals, l.Namespace+"/"+string(l.Spec.Consumer.PortalRef.Name))
		}
	}
	slices.Sort(portals)
	slices.Sort(asking)
	return slices.Compact(portals), asking, nil
}

// SharedPlatform reads what decides about a shared platform.
func SharedPlatform(ctx context.Context, r client.Reader, s settings.Settings, p *v1alpha1.SharedPlatform) (desired.PlatformInput, error) {
	in := desired.PlatformInput{Settings: s, Platform: p}
	var err error
	if in.AbsentAgencies, err = absentAgencies(ctx, r, policy.AgenciesOfPlatform(&p.Spec)); err != nil {
		return in, err
	}
	ref, err := referenced(ctx, r, p)
	if err != nil {
		return in, err
	}
	in.Endpoint, in.DuplicateOf = ref.Endpoint, ref.DuplicateOf
	if in.Consents, err = standingConsents(ctx, r, p); err != nil {
		return in, err
	}
	if in.Policies, err = knownPolicies(ctx, r, concerning(s, ref.Endpoint)); err != nil {
		return in, err
	}
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.MatchingFields{IndexPortalPlatform: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list consumers: %w", err)
	}
	in.Consumers = len(portals.Items)
	return in, nil
}

// standingConsents returns the consents to a platform on record that nobody took
// back. A portal takes its own back by not naming the platform any more; one that is
// not there, or that can't be read, says nothing, and one that was made anew and names
// the platform comes after the former.
func standingConsents(ctx context.Context, r client.Reader, p *v1alpha1.SharedPlatform) ([]v1alpha1.ConsentedScope, error) {
	var out []v1alpha1.ConsentedScope
	for _, c := range p.Status.Consents {
		portal, err := get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: names.Namespace(string(c.Portal.Agency)), Name: string(c.Portal.Name)})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read portal that agreed: %w", err)
		}
		if portal == nil || slices.Contains(portal.Spec.ProvidesPlatforms, v1alpha1.ObjectName(p.Name)) {
			out = append(out, c)
		}
	}
	return out, nil
}

// referenced reads a platform's endpoint and whether it is a duplicate.
func referenced(ctx context.Context, r client.Reader, p *v1alpha1.SharedPlatform) (desired.ReferencedPlatform, error) {
	ref := desired.ReferencedPlatform{Name: p.Name, Platform: p}
	var same v1alpha1.SharedPlatformList
	if err := r.List(ctx, &same, client.MatchingFields{IndexPlatformFingerprint: policy.Fingerprint(p.Spec.Capability, p.Spec.Scope)}); err != nil {
		return ref, fmt.Errorf("list platforms with the same capability: %w", err)
	}
	if first := oldest(p, ptrs(same.Items)); first != p {
		ref.DuplicateOf = first.Name
	}
	var err error
	if e := p.Spec.Endpoint.Portal; e != nil {
		ref.Endpoint, err = portalWithAgency(ctx, r, names.Namespace(string(e.Agency)), string(e.Name))
	}
	return ref, err
}

// platforms reads the platforms that a portal references; see desired.PlatformNames.
func platforms(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[string]desired.ReferencedPlatform, error) {
	wanted := desired.PlatformNames(p)
	if len(wanted) == 0 {
		return nil, nil
	}
	out := map[string]desired.ReferencedPlatform{}
	for _, name := range wanted {
		platform, err := get[v1alpha1.SharedPlatform](ctx, r, client.ObjectKey{Name: name})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read shared platform: %w", err)
		}
		if err != nil {
			// One that cannot be decoded is none: the way to it closes, and others go on.
			out[name] = desired.ReferencedPlatform{Name: name, Unreadable: true}
			continue
		}
		if platform == nil {
			continue
		}
		if out[platform.Name], err = referenced(ctx, r, platform); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// provided reads the UIDs of the platforms that a portal agrees to be.
func provided(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[v1alpha1.ObjectName]types.UID, error) {
	out := map[v1alpha1.ObjectName]types.UID{}
	for _, name := range p.Spec.ProvidesPlatforms {
		platform, err := get[v1alpha1.SharedPlatform](ctx, r, client.ObjectKey{Name: string(name)})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read provided platform: %w", err)
		}
		if platform != nil && err == nil {
			out[name] = platform.UID
		}
	}
	return out, nil
}

// DataSharingLink reads what decides about a link.
func DataSharingLink(ctx context.Context, r client.Reader, s settings.Settings, now time.Time, l *v1alpha1.DataSharingLink) (desired.LinkInput, error) {
	in := desired.LinkInput{Settings: s, Now: now, Link: l}
	var err error
	if in.Consumer, err = portalWithAgency(ctx, r, l.Namespace, string(l.Spec.Consumer.PortalRef.Name)); err != nil {
		return in, err
	}
	if in.Asked, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(l.Spec.Provider.Agency)}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read provider: %w", err)
	}
	if in.Authority, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: s.AuthorityAgency}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read authority: %w", err)
	}
	if in.AuthorityAbsent, err = authorityAbsent(ctx, r, s, in.Authority, err); err != nil {
		return in, err
	}
	provider := names.Namespace(string(l.Spec.Provider.Agency))
	if in.Service, err = get[v1alpha1.DataService](ctx, r, client.ObjectKey{Namespace: provider, Name: string(l.Spec.Provider.Service)}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read service: %w", err)
	}
	if in.Service != nil {
		if in.Provider, err = portalWithAgency(ctx, r, provider, string(in.Service.Spec.PortalRef.Name)); err != nil {
			return in, err
		}
		if in.OpenPlatform, err = openPlatform(ctx, r, in.Provider.Portal); err != nil {
			return in, err
		}
		if err = siblingLabels(ctx, r, &in); err != nil {
			return in, err
		}
	}
	if l.Spec.Route != v1alpha1.RouteDirect {
		if in.Via, err = sharingPlatform(ctx, r); err != nil {
			return in, err
		}
	}
	if in.Policies, in.Unread, err = policies(ctx, r, concerning(s, in.Consumer, in.Provider, in.Via)); err != nil {
		return in, err
	}
	var approvals v1alpha1.DataSharingApprovalList
	if err := r.List(ctx, &approvals, client.MatchingFields{IndexApprovalLink: l.Namespace + "/" + l.Name}); err != nil {
		return in, fmt.Errorf("list approvals: %w", err)
	}
	in.Approvals = approvals.Items
	return in, nil
}

// authorityAbsent reports whether the authority's namespace is nobody's. One of an
// authority that can't be read is its own if it is the operator's.
func authorityAbsent(ctx context.Context, r client.Reader, s settings.Settings, authority *v1alpha1.Agency, unread error) (bool, error) {
	if authority == nil && unread == nil {
		return true, nil
	}
	ns, err := get[corev1.Namespace](ctx, r, client.ObjectKey{Name: names.Namespace(s.AuthorityAgency)})
	if err != nil {
		return false, fmt.Errorf("read the authority's namespace: %w", err)
	}
	return ns == nil || authority != nil && !names.OwnerOf(v1alpha1.KindAgency, authority).Owns(ns), nil
}

// OtherPods names the pods at the ends of a link that is about to open, or whose
// ends are not settled, which run another program than its scope says, sorted. They
// are asked of the API server itself: what opens rests on what runs, not on what
// somebody has noted of it.
func OtherPods(ctx context.Context, r, live client.Reader, l *v1alpha1.DataSharingLink, out desired.LinkOutput) ([]string, error) {
	opening, err := missing(ctx, r, out.Objects)
	if err != nil {
		return nil, err
	}
	opening = opening || l.Status.SpecHash != out.Hash
	var other []string
	for _, end := range []*v1alpha1.LinkScopeEnd{&out.Scope.Consumer, &out.Scope.Provider, out.Scope.Via} {
		if end == nil {
			continue
		}
		namespace := names.Namespace(string(end.Agency))
		deployment, err := get[appsv1.Deployment](ctx, r, client.ObjectKey{Namespace: namespace, Name: end.Name})
		if err != nil {
			return nil, fmt.Errorf("read deployment of an end: %w", err)
		}
		if !opening && desired.Settled(deployment, end.Image) {
			continue
		}
		var pods corev1.PodList
		if err := live.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{names.LabelPortal: end.Name}); err != nil {
			return nil, fmt.Errorf("list pods of an end: %w", err)
		}
		for i := range pods.Items {
			if desired.OtherProgram(&pods.Items[i], end.Image) {
				other = append(other, namespace+"/"+pods.Items[i].Name)
			}
		}
	}
	slices.Sort(other)
	return slices.Compact(other), nil
}

// missing reports whether one of a link's network policies does not exist.
func missing(ctx context.Context, r client.Reader, objects []desired.Object) (bool, error) {
	for _, o := range objects {
		p, err := get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKeyFromObject(o))
		if err != nil {
			return false, fmt.Errorf("read network policy: %w", err)
		}
		if p == nil {
			return true, nil
		}
	}
	return false, nil
}

// siblingLabels reads the classes, each once, of the other living services of the
// provider's portal, and of those of its agency with the same dataset and of their
// portals. Another agency's label does not count: nobody closes the links of others
// by publishing something. Every link of a portal asks this, so the services, of which
// there can be hundreds, are not copied.
func siblingLabels(ctx context.Context, r client.Reader, in *desired.LinkInput) error {
	svc := in.Service
	portals := map[v1alpha1.ObjectName]bool{svc.Spec.PortalRef.Name: true}
	var bad []*unreadable.Error
	for _, by := range []client.MatchingFields{{IndexServicePortal: string(svc.Spec.PortalRef.Name)}, {IndexServiceDataset: string(svc.Spec.Dataset)}} {
		var list v1alpha1.DataServiceList
		if err := r.List(ctx, &list, client.InNamespace(svc.Namespace), by, unreadable.Collect(&bad), client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("list services of the same data: %w", err)
		}
		for i := range list.Items {
			s := &list.Items[i]
			if s.Name == svc.Name || s.DeletionTimestamp != nil {
				continue
			}
			in.SiblingLabels = append(in.SiblingLabels, s.Spec.Classification)
			name := s.Spec.PortalRef.Name
			if portals[name] {
				continue
			}
			portals[name] = true
			labels, err := portalLabels(ctx, r, client.ObjectKey{Namespace: svc.Namespace, Name: string(name)})
			switch {
			case unreadable.IsUnreadable(err):
				in.LabelsUnread = true
			case err != nil:
				return fmt.Errorf("read portal of the same data: %w", err)
			}
			in.SiblingLabels = append(in.SiblingLabels, labels...)
		}
	}
	// What can't be read is told whatever is asked for.
	in.LabelsUnread = in.LabelsUnread || slices.ContainsFunc(bad, func(e *unreadable.Error) bool {
		return e.Key.Namespace == svc.Namespace && e.Key.Name != svc.Name && e.MayShareData(string(svc.Spec.PortalRef.Name), string(svc.Spec.Dataset))
	})
	slices.Sort(in.SiblingLabels)
	in.SiblingLabels = slices.Compact(in.SiblingLabels)
	return nil
}

// portalLabels returns the classes of what a portal is asked to be, and of what runs.
func portalLabels(ctx context.Context, r client.Reader, key client.ObjectKey) (out []v1alpha1.DataClassification, err error) {
	p, err := get[v1alpha1.AgencyPortal](ctx, r, key)
	if err != nil || p == nil {
		return nil, err
	}
	for _, spec := range desired.SelectedBy(p) {
		out = append(out, spec.DataClassification)
	}
	return out, nil
}

// sharingPlatform returns the portal of the oldest sharing platform in the
// cluster that is no duplicate and whose portal agreed; nothing when there is none.
func sharingPlatform(ctx context.Context, r client.Reader) (desired.PortalWithAgency, error) {
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, client.MatchingFields{IndexPlatformType: string(v1alpha1.PlatformDataSharing)}); err != nil {
		return desired.PortalWithAgency{}, fmt.Errorf("list sharing platforms: %w", err)
	}
	candidates := slices.DeleteFunc(ptrs(list.Items), func(p *v1alpha1.SharedPlatform) bool {
		return p.Spec.Endpoint.Portal == nil || p.DeletionTimestamp != nil
	})
	slices.SortFunc(candidates, func(a, b *v1alpha1.SharedPlatform) int {
		if Precedes(a, b) {
			return -1
		}
		return 1
	})
	for _, p := range candidates {
		ref, err := referenced(ctx, r, p)
		if err != nil {
			return desired.PortalWithAgency{}, err
		}
		if ref.DuplicateOf == "" && desired.Consents(ref.Endpoint.Portal, p) {
			return ref.Endpoint, nil
		}
	}
	return desired.PortalWithAgency{}, nil
}

// portalWithAgency reads an end of a link or platform. One that cannot be decoded
// is none, so what leads to it closes.
func portalWithAgency(ctx context.Context, r client.Reader, namespace, name string) (desired.PortalWithAgency, error) {
	var out desired.PortalWithAgency
	var err error
	if out.Portal, err = get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: namespace, Name: name}); err != nil && !unreadable.IsUnreadable(err) {
		return out, fmt.Errorf("read portal: %w", err)
	}
	if agency, ok := names.AgencyOf(namespace); ok {
		if out.Agency, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: agency}); err != nil && !unreadable.IsUnreadable(err) {
			return out, fmt.Errorf("read agency: %w", err)
		}
	}
	return out, nil
}

// Approval reads the link that an approval names, and the side for which the
// approval speaks.
func Approval(ctx context.Context, r client.Reader, s settings.Settings, a *v1alpha1.DataSharingApproval) (*v1alpha1.DataSharingLink, v1alpha1.LinkSide, error) {
	ref := a.Spec.LinkRef
	link, err := get[v1alpha1.DataSharingLink](ctx, r, client.ObjectKey{Namespace: string(ref.Namespace), Name: string(ref.Name)})
	if err != nil {
		return nil, "", fmt.Errorf("read link: %w", err)
	}
	return link, desired.ApprovalSide(a, link, s), nil
}
