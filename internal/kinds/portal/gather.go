package portal

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Gather reads what decides about a portal.
func Gather(ctx context.Context, r client.Reader, s settings.Settings, p *v1alpha1.AgencyPortal) (Input, error) {
	in := Input{Settings: s, Portal: p}
	var err error
	if name, ok := names.AgencyOf(p.Namespace); ok {
		if in.Agency, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: name}); err != nil {
			return in, fmt.Errorf("read agency: %w", err)
		}
	}
	if in.Agency != nil {
		in.NamespaceGuarded, err = guarded(ctx, r, in.Agency, p.Namespace)
	} else {
		in.NamespaceOrphaned, err = orphaned(ctx, r, p.Namespace)
	}
	if err != nil {
		return in, err
	}
	if !in.NamespaceGuarded && len(p.Status.Inventory) == 0 {
		guard, err := read.Get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKeyFromObject(Guard(p)))
		if err != nil {
			return in, fmt.Errorf("read the portal's guard: %w", err)
		}
		in.HasGuard = guard != nil && names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(guard)
	}
	if in.HostnameHolders, in.HostnameZones, err = hostnameHolders(ctx, r, p); err != nil {
		return in, err
	}
	if in.Platforms, err = Platforms(ctx, r, p); err != nil {
		return in, err
	}
	about := []End{{Portal: p, Agency: in.Agency}}
	for _, platform := range in.Platforms {
		about = append(about, platform.Endpoint)
	}
	if in.Policies, in.Unread, err = read.Policies(ctx, r, Concerning(s, about...)); err != nil {
		return in, err
	}
	in.Deployment, err = read.Get[appsv1.Deployment](ctx, r, client.ObjectKeyFromObject(p))
	if err != nil {
		return in, fmt.Errorf("read deployment: %w", err)
	}
	if err = siblings(ctx, r, &in); err != nil {
		return in, err
	}
	if in.Provided, err = provided(ctx, r, p); err != nil {
		return in, err
	}
	err = gatherWorkload(ctx, r, &in)
	return in, err
}

// gatherWorkload reads what scales and protects what runs of a portal, and the policies
// and pods beside it.
func gatherWorkload(ctx context.Context, r client.Reader, in *Input) (err error) {
	p := in.Portal
	if in.Autoscaler, err = read.Get[autoscalingv2.HorizontalPodAutoscaler](ctx, r, client.ObjectKeyFromObject(p)); err != nil {
		return fmt.Errorf("read autoscaler: %w", err)
	}
	if in.Budget, err = read.Get[policyv1.PodDisruptionBudget](ctx, r, client.ObjectKeyFromObject(p)); err != nil {
		return fmt.Errorf("read disruption budget: %w", err)
	}
	if p.Status.Replacing != nil || in.Deployment == nil || !names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(in.Deployment) {
		if in.LinkPolicies, err = linkPolicies(ctx, r, p); err != nil {
			return err
		}
	}
	if p.Status.LastCompliant == nil && (in.Deployment != nil || len(p.Status.Inventory) > 0) {
		own, err := NetworkPoliciesOf(ctx, r, names.OwnerOf(v1alpha1.KindAgencyPortal, p))
		if err != nil {
			return err
		}
		for i := range own {
			in.NetworkPolicies = append(in.NetworkPolicies, own[i].Name)
		}
		slices.Sort(in.NetworkPolicies)
	}
	in.ForeignPods, err = foreignPods(ctx, r, p)
	return err
}

// NetworkPoliciesOf are the network policies that the operator wrote for an owner, in
// whatever namespace. They are the cache's own copies.
func NetworkPoliciesOf(ctx context.Context, r client.Reader, owner names.Owner) ([]networkingv1.NetworkPolicy, error) {
	var list networkingv1.NetworkPolicyList
	if err := r.List(ctx, &list, client.MatchingFields{names.IndexOwner: owner.Key()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list network policies of %s: %w", owner.Key(), err)
	}
	return list.Items, nil
}

// linkPolicies names the network policies of links that open a portal's pods, sorted.
func linkPolicies(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) ([]string, error) {
	var list networkingv1.NetworkPolicyList
	ofLinks := client.MatchingLabels{names.LabelOwnerKind: v1alpha1.KindDataSharingLink, names.LabelPortal: p.Name}
	if err := r.List(ctx, &list, client.InNamespace(p.Namespace), ofLinks, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list network policies of links: %w", err)
	}
	var out []string
	for i := range list.Items {
		if child.Opens(&list.Items[i]) {
			out = append(out, list.Items[i].Name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// foreignPods names the pods with a portal's label that no ReplicaSet of the
// portal's Deployment made, sorted. They are in the portal's Service and
// policies. Those that end are left out.
func foreignPods(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) ([]string, error) {
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	if err := r.List(ctx, pods, client.InNamespace(p.Namespace), client.MatchingLabels{names.LabelPortal: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var out []string
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.DeletionTimestamp == nil && !names.PodOfDeployment(pod, p.Name) {
			out = append(out, pod.Name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// guarded tells whether the namespace is the agency's own, stays, and its
// default deny is in force as observed.
func guarded(ctx context.Context, r client.Reader, a *v1alpha1.Agency, namespace string) (bool, error) {
	owner := names.OwnerOf(v1alpha1.KindAgency, a)
	ns, err := read.Get[corev1.Namespace](ctx, r, client.ObjectKey{Name: namespace})
	if err != nil || ns == nil || ns.DeletionTimestamp != nil || !owner.Owns(ns) {
		return false, read.Wrap("read namespace", err)
	}
	deny, err := read.Get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKey{Namespace: namespace, Name: agencykind.DefaultDeny})
	if err != nil || deny == nil || !owner.Owns(deny) {
		return false, read.Wrap("read default deny", err)
	}
	return deniesAll(deny), nil
}

func deniesAll(deny *networkingv1.NetworkPolicy) bool {
	sel := deny.Spec.PodSelector
	return len(sel.MatchLabels) == 0 && len(sel.MatchExpressions) == 0 &&
		len(deny.Spec.Ingress) == 0 && len(deny.Spec.Egress) == 0 &&
		slices.Contains(deny.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) &&
		slices.Contains(deny.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
}

// orphaned reports whether a namespace is the operator's, of an agency that the
// cache does not have, and stays.
func orphaned(ctx context.Context, r client.Reader, namespace string) (bool, error) {
	ns, err := read.Get[corev1.Namespace](ctx, r, client.ObjectKey{Name: namespace})
	if err != nil || ns == nil || ns.DeletionTimestamp != nil {
		return false, read.Wrap("read namespace", err)
	}
	name, ok := names.AgencyOf(namespace)
	return ok && agencykind.Orphaned(&v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name}}, ns), nil
}

// hostnameHolders finds the older portals that hold the portal's host names, and
// whose zones those lie in. A claim outside the claimant's own zones, or in a
// more specific one of somebody else, is no claim.
func hostnameHolders(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[v1alpha1.DNSName]string, map[v1alpha1.DNSName]agencykind.Zone, error) {
	holders, zones := map[v1alpha1.DNSName]string{}, map[v1alpha1.DNSName]agencykind.Zone{}
	for _, h := range p.Spec.Hostnames {
		zone, err := agencykind.ZoneOf(ctx, r, h)
		if err != nil {
			return nil, nil, err
		}
		if zone != nil {
			zones[h] = *zone
		}
		var claimants v1alpha1.AgencyPortalList
		if err := r.List(ctx, &claimants, client.MatchingFields{names.IndexPortalHostname: string(h)}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, nil, fmt.Errorf("list portals with host name %s: %w", h, err)
		}
		valid := []*v1alpha1.AgencyPortal{p}
		for i := range claimants.Items {
			c := &claimants.Items[i]
			if c.UID == p.UID {
				continue
			}
			if name, ok := names.AgencyOf(c.Namespace); ok && zone != nil && name == zone.Agency {
				valid = append(valid, c)
			}
		}
		if first := read.Oldest(p, valid); first != p {
			holders[h] = first.Namespace + "/" + first.Name
		}
	}
	return holders, zones, nil
}

// Concerning returns whether a policy that can't be read may select one of some
// portals, by what is asked for or by what runs of it.
func Concerning(s settings.Settings, portals ...End) func(*unreadable.Error) bool {
	var subjects []policy.Subject
	for _, p := range portals {
		if p.Portal == nil {
			continue
		}
		agency, _ := names.AgencyOf(p.Portal.Namespace)
		for _, spec := range SelectedBy(p.Portal) {
			level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
			subjects = append(subjects, policy.Subject{Level: level, Agency: agency, Exposure: spec.Exposure})
		}
	}
	return func(e *unreadable.Error) bool {
		return e.MaySelect(func(sel v1alpha1.PolicySelector) bool {
			return slices.ContainsFunc(subjects, func(subject policy.Subject) bool { return policy.Selects(sel, subject) })
		})
	}
}

// GatherEnd reads an end of a link or platform. One that cannot be decoded
// is none, so what leads to it closes.
func GatherEnd(ctx context.Context, r client.Reader, namespace, name string) (End, error) {
	var out End
	var err error
	if out.Portal, err = read.Get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: namespace, Name: name}); err != nil && !unreadable.IsUnreadable(err) {
		return out, fmt.Errorf("read portal: %w", err)
	}
	if agency, ok := names.AgencyOf(namespace); ok {
		if out.Agency, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: agency}); err != nil && !unreadable.IsUnreadable(err) {
			return out, fmt.Errorf("read agency: %w", err)
		}
	}
	return out, nil
}
