// Package gather reads everything that a decision rests on into a plain input.
// It reads from the cache only, turns NotFound into nil, and fails on anything
// else: a lookup that failed must never look like "there is none".
package gather

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Agency reads what decides about an agency. Network policies that are not the
// operator's are also looked for in foreign.
func Agency(ctx context.Context, r, foreign, canaries client.Reader, s settings.Settings, a *v1alpha1.Agency) (desired.AgencyInput, error) {
	in := desired.AgencyInput{Settings: s, Agency: a}
	var err error
	if ref := a.Spec.ParentRef; ref != nil {
		if in.Parent, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(ref.Name)}); err != nil {
			return in, fmt.Errorf("read parent agency: %w", err)
		}
	}
	var same v1alpha1.AgencyList
	if err := r.List(ctx, &same, client.MatchingFields{IndexAgencyCode: a.Spec.Code}); err != nil {
		return in, fmt.Errorf("list agencies with code %s: %w", a.Spec.Code, err)
	}
	if holder := oldest(a, ptrs(same.Items)); holder != a {
		in.CodeHolder = holder.Name
	}
	if in.ForeignPolicies, err = foreignPolicies(ctx, a, r, foreign); err != nil {
		return in, err
	}
	if in.Quota, err = get[corev1.ResourceQuota](ctx, r, client.ObjectKey{Namespace: names.Namespace(a.Name), Name: desired.QuotaName}); err != nil {
		return in, fmt.Errorf("read quota: %w", err)
	}
	if in.Counts, err = counts(ctx, canaries, in.Quota); err != nil {
		return in, err
	}
	if in.Namespace, err = get[corev1.Namespace](ctx, r, client.ObjectKey{Name: names.Namespace(a.Name)}); err != nil {
		return in, fmt.Errorf("read namespace: %w", err)
	}
	admins, err := get[rbacv1.RoleBinding](ctx, r, client.ObjectKey{Namespace: names.Namespace(a.Name), Name: desired.AdminBinding})
	if err != nil {
		return in, fmt.Errorf("read binding of the administrators: %w", err)
	}
	in.Administered = admins != nil && names.OwnerOf(v1alpha1.KindAgency, a).Owns(admins)
	if in.Portals, err = PortalNames(ctx, r, names.Namespace(a.Name)); err != nil {
		return in, err
	}
	if in.ZonesTaken, in.ZonesNear, err = zones(ctx, r, a); err != nil {
		return in, err
	}
	if a.Status.Rights == nil {
		var bindings rbacv1.RoleBindingList
		if err := r.List(ctx, &bindings, client.InNamespace(names.Namespace(a.Name))); err != nil {
			return in, fmt.Errorf("list role bindings: %w", err)
		}
		in.Bindings = bindings.Items
	}
	if in.PersonalData, err = personalData(ctx, r, false, in); err != nil {
		return in, err
	}
	if in.HeldPersonalData, err = heldPersonalData(ctx, r, in); err != nil {
		return in, err
	}
	var services v1alpha1.DataServiceList
	if err := r.List(ctx, &services, client.InNamespace(names.Namespace(a.Name)), client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list data services: %w", err)
	}
	in.Catalogue = desired.Catalogue(services.Items)
	vetoed, err := earlierVetoes(ctx, r, s, a)
	if err != nil {
		return in, err
	}
	in.EarlierVetoes = count(len(vetoed))
	in.Contents, err = contents(ctx, r, a, len(in.Portals), len(services.Items))
	return in, err
}

// contents counts what an agency has, of what was not read yet.
func contents(ctx context.Context, r client.Reader, a *v1alpha1.Agency, portals, services int) (v1alpha1.AgencyContents, error) {
	c := v1alpha1.AgencyContents{Portals: count(portals), DataServices: count(services)}
	here := client.InNamespace(names.Namespace(a.Name))
	for _, k := range []struct {
		n      *int32
		list   client.ObjectList
		option client.ListOption
	}{
		{&c.Links, &v1alpha1.DataSharingLinkList{}, here},
		{&c.Approvals, &v1alpha1.DataSharingApprovalList{}, here},
		{&c.Children, &v1alpha1.AgencyList{}, client.MatchingFields{IndexAgencyParent: a.Name}},
	} {
		if err := r.List(ctx, k.list, k.option, client.UnsafeDisableDeepCopy); err != nil {
			return c, fmt.Errorf("count %T: %w", k.list, err)
		}
		*k.n = count(meta.LenList(k.list))
	}
	return c, nil
}

func count(n int) int32 { return int32(min(n, 1<<30)) } //nolint:gosec // bounded

// counts reports whether Kubernetes counts the kinds that people write: a canary
// shows it, or the namespace's own quota does, whose bounds must not go when the
// canary does.
func counts(ctx context.Context, canaries client.Reader, own *corev1.ResourceQuota) (bool, error) {
	if own != nil && desired.Counted(own) {
		return true, nil
	}
	var list corev1.ResourceQuotaList
	if err := canaries.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list canaries: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(q corev1.ResourceQuota) bool { return desired.Counted(&q) }), nil
}

// foreignPolicies names the network policies in an agency's namespace that open
// something and have no living owner for whom the operator wrote them, sorted.
func foreignPolicies(ctx context.Context, a *v1alpha1.Agency, r, foreign client.Reader) ([]string, error) {
	var out []string
	for _, reader := range []client.Reader{r, foreign} {
		var list networkingv1.NetworkPolicyList
		if err := reader.List(ctx, &list, client.InNamespace(names.Namespace(a.Name)), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list network policies: %w", err)
		}
		for i := range list.Items {
			p := &list.Items[i]
			if !desired.Opens(p) {
				continue
			}
			owned, err := owned(ctx, r, a, p)
			if err != nil {
				return nil, err
			}
			if !owned {
				out = append(out, p.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// owned tells whether a network policy carries the mark of the operator and of
// an owner of ours that lives, or is sure to go with one that does not live any
// more. A reference to anything else proves nothing.
func owned(ctx context.Context, r client.Reader, a *v1alpha1.Agency, p *networkingv1.NetworkPolicy) (bool, error) {
	owner, marked := names.MarkedOwner(p)
	if !marked {
		return false, nil
	}
	writes := owner.Kind == v1alpha1.KindAgencyPortal || owner.Kind == v1alpha1.KindDataSharingLink
	if writes && owner.Namespace == p.Namespace && len(p.Finalizers) == 0 && owner.Collects(p) {
		// The garbage collector removes the policy if there is no such owner.
		return true, nil
	}
	key := client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name}
	var living client.Object
	switch owner.Kind {
	case v1alpha1.KindAgency:
		living = a
		if owner.Name != a.Name || owner.Namespace != "" {
			return false, nil
		}
	case v1alpha1.KindAgencyPortal:
		portal, err := get[v1alpha1.AgencyPortal](ctx, r, key)
		if err != nil || portal == nil {
			return false, wrap("read owner of network policy", err)
		}
		living = portal
	case v1alpha1.KindDataSharingLink:
		link, err := get[v1alpha1.DataSharingLink](ctx, r, key)
		if err != nil || link == nil {
			return false, wrap("read owner of network policy", err)
		}
		living = link
	default:
		return false, nil
	}
	return living.GetUID() == owner.UID, nil
}

// PortalNames lists the portals of a namespace, sorted.
func PortalNames(ctx context.Context, r client.Reader, namespace string) ([]string, error) {
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list portals: %w", err)
	}
	out := make([]string, len(portals.Items))
	for i := range portals.Items {
		out[i] = portals.Items[i].Name
	}
	slices.Sort(out)
	return out, nil
}

// AgencyPortal reads what decides about a portal.
func AgencyPortal(ctx context.Context, r client.Reader, s settings.Settings, p *v1alpha1.AgencyPortal) (desired.PortalInput, error) {
	in := desired.PortalInput{Settings: s, Portal: p}
	var err error
	if name, ok := names.AgencyOf(p.Namespace); ok {
		if in.Agency, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: name}); err != nil {
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
		guard, err := get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKeyFromObject(desired.PortalGuard(p)))
		if err != nil {
			return in, fmt.Errorf("read the portal's guard: %w", err)
		}
		in.HasGuard = guard != nil && names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(guard)
	}
	if in.HostnameHolders, in.HostnameZones, err = hostnameHolders(ctx, r, p); err != nil {
		return in, err
	}
	if in.Platforms, err = platforms(ctx, r, p); err != nil {
		return in, err
	}
	about := []desired.PortalWithAgency{{Portal: p, Agency: in.Agency}}
	for _, platform := range in.Platforms {
		about = append(about, platform.Endpoint)
	}
	if in.Policies, in.Unread, err = policies(ctx, r, concerning(s, about...)); err != nil {
		return in, err
	}
	if err = siblings(ctx, r, &in); err != nil {
		return in, err
	}
	if in.Provided, err = provided(ctx, r, p); err != nil {
		return in, err
	}
	in.Deployment, err = get[appsv1.Deployment](ctx, r, client.ObjectKeyFromObject(p))
	if err != nil {
		return in, fmt.Errorf("read deployment: %w", err)
	}
	if in.Autoscaler, err = get[autoscalingv2.HorizontalPodAutoscaler](ctx, r, client.ObjectKeyFromObject(p)); err != nil {
		return in, fmt.Errorf("read autoscaler: %w", err)
	}
	if in.Budget, err = get[policyv1.PodDisruptionBudget](ctx, r, client.ObjectKeyFromObject(p)); err != nil {
		return in, fmt.Errorf("read disruption budget: %w", err)
	}
	if p.Status.Replacing != nil || in.Deployment == nil || !names.OwnerOf(v1alpha1.KindAgencyPortal, p).Owns(in.Deployment) {
		if in.LinkPolicies, err = linkPolicies(ctx, r, p); err != nil {
			return in, err
		}
	}
	if p.Status.LastCompliant == nil && (in.Deployment != nil || len(p.Status.Inventory) > 0) {
		own, err := NetworkPoliciesOf(ctx, r, names.OwnerOf(v1alpha1.KindAgencyPortal, p))
		if err != nil {
			return in, err
		}
		for i := range own {
			in.NetworkPolicies = append(in.NetworkPolicies, own[i].Name)
		}
		slices.Sort(in.NetworkPolicies)
	}
	in.ForeignPods, err = foreignPods(ctx, r, p)
	return in, err
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
	ns, err := get[corev1.Namespace](ctx, r, client.ObjectKey{Name: namespace})
	if err != nil || ns == nil || ns.DeletionTimestamp != nil || !owner.Owns(ns) {
		return false, wrap("read namespace", err)
	}
	deny, err := get[networkingv1.NetworkPolicy](ctx, r, client.ObjectKey{Namespace: namespace, Name: "default-deny"})
	if err != nil || deny == nil || !owner.Owns(deny) {
		return false, wrap("read default deny", err)
	}
	sel := deny.Spec.PodSelector
	return len(sel.MatchLabels) == 0 && len(sel.MatchExpressions) == 0 &&
		len(deny.Spec.Ingress) == 0 && len(deny.Spec.Egress) == 0 &&
		slices.Contains(deny.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) &&
		slices.Contains(deny.Spec.PolicyTypes, networkingv1.PolicyTypeEgress), nil
}

// orphaned reports whether a namespace is the operator's, of an agency that the
// cache does not have, and stays.
func orphaned(ctx context.Context, r client.Reader, namespace string) (bool, error) {
	ns, err := get[corev1.Namespace](ctx, r, client.ObjectKey{Name: namespace})
	if err != nil || ns == nil || ns.DeletionTimestamp != nil {
		return false, wrap("read namespace", err)
	}
	name, ok := names.AgencyOf(namespace)
	return ok && desired.Orphaned(&v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name}}, ns), nil
}

// hostnameHolders finds the older portals that hold the portal's host names, and
// whose zones those lie in. A claim outside the claimant's own zones, or in a
// more specific one of somebody else, is no claim.
func hostnameHolders(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (map[v1alpha1.DNSName]string, map[v1alpha1.DNSName]desired.Zone, error) {
	holders, zones := map[v1alpha1.DNSName]string{}, map[v1alpha1.DNSName]desired.Zone{}
	for _, h := range p.Spec.Hostnames {
		zone, err := ZoneOf(ctx, r, h)
		if err != nil {
			return nil, nil, err
		}
		if zone != nil {
			zones[h] = *zone
		}
		var claimants v1alpha1.AgencyPortalList
		if err := r.List(ctx, &claimants, client.MatchingFields{IndexPortalHostname: string(h)}); err != nil {
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
		if first := oldest(p, valid); first != p {
			holders[h] = first.Namespace + "/" + first.Name
		}
	}
	return holders, zones, nil
}

// siblings counts the older portals of the agency and the younger ones that have
// started, and finds the one with the one-stop system.
func siblings(ctx context.Context, r client.Reader, in *desired.PortalInput) error {
	p := in.Portal
	list, of, unread, err := portalsOf(ctx, r, p.Namespace)
	if err != nil {
		return err
	}
	if in.Unread == nil {
		in.Unread = unread
	}
	for i := range list {
		switch s := &list[i]; {
		case s.UID == p.UID:
		case Precedes(s, p):
			in.OlderSiblings++
		case desired.Started(s, of[s.Name]):
			in.RunningSiblings++
		}
	}
	in.OneStopHolder = oneStopHolder(p, list, of)
	return nil
}

// portalsOf lists the portals of a namespace that can be read and the Deployments by
// name, and returns the first portal that can't be read.
func portalsOf(ctx context.Context, r client.Reader, namespace string) (_ []v1alpha1.AgencyPortal, of map[string]*appsv1.Deployment, unread, err error) {
	var list v1alpha1.AgencyPortalList
	var bad []*unreadable.Error
	if err := r.List(ctx, &list, client.InNamespace(namespace), unreadable.Collect(&bad), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, nil, fmt.Errorf("list portals of the agency: %w", err)
	}
	if i := slices.IndexFunc(bad, func(e *unreadable.Error) bool { return e.Key.Namespace == namespace }); i >= 0 {
		unread = fmt.Errorf("list portals of the agency: %w", bad[i])
	}
	var deployments appsv1.DeploymentList
	if err := r.List(ctx, &deployments, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, nil, fmt.Errorf("list deployments of the agency: %w", err)
	}
	of = map[string]*appsv1.Deployment{}
	for i := range deployments.Items {
		of[deployments.Items[i].Name] = &deployments.Items[i]
	}
	return list.Items, of, unread, nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// absentAgencies returns those of the agencies that do not exist. One that cannot be
// decoded exists.
func absentAgencies(ctx context.Context, r client.Reader, all []policy.NamedAgencies) ([]policy.NamedAgencies, error) {
	var out []policy.NamedAgencies
	for _, n := range all {
		absent := policy.NamedAgencies{Field: n.Field}
		for _, name := range n.Agencies {
			a, err := get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(name)})
			if err != nil && !unreadable.IsUnreadable(err) {
				return nil, fmt.Errorf("read agency: %w", err)
			}
			if a == nil && err == nil {
				absent.Agencies = append(absent.Agencies, name)
			}
		}
		if len(absent.Agencies) > 0 {
			out = append(out, absent)
		}
	}
	return out, nil
}

// get reads one object; nil when it does not exist. An empty name never exists.
func get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, r client.Reader, key client.ObjectKey) (*T, error) {
	if key.Name == "" {
		return nil, nil
	}
	obj := P(new(T))
	if err := r.Get(ctx, key, obj); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, err
	}
	return (*T)(obj), nil
}

// Unawaited reads the cache as it is. The operator's reads wait otherwise until
// the cache has seen what the operator wrote of the same kind: while one agency
// has it write all the time, every look at another one's would wait. What closes
// is decided by such a look; what opens waits. What was seen once is never unseen,
// so it closes nothing that a later look has opened.
func Unawaited(r client.Reader) client.Reader { return unawaited{r} }

type unawaited struct{ client.Reader }

// Get implements client.Reader.
func (u unawaited) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	return u.Reader.Get(ctx, key, into, append(opts, client.DisableReadYourWritesConsistency)...) //nolint:wrapcheck // the reader's own
}

// List implements client.Reader.
func (u unawaited) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	return u.Reader.List(ctx, into, append(opts, client.DisableReadYourWritesConsistency)...) //nolint:wrapcheck // the reader's own
}

// oldest returns the first claimant by creation time and UID, which never
// changes, so the winner never flaps. Self stands for its own cached copy.
func oldest[T client.Object](self T, claimants []T) T {
	first := self
	for _, c := range claimants {
		if c.GetUID() == self.GetUID() {
			continue
		}
		if Precedes(c, first) {
			first = c
		}
	}
	return first
}

// Precedes reports whether one object is older than another, or as old and first
// by UID.
func Precedes(a, b client.Object) bool {
	t, u := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return t.Before(&u) || t.Equal(&u) && a.GetUID() < b.GetUID()
}

func ptrs[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// policies lists the policies that can be read, and returns the first of those that
// can't which concerns who asks.
func policies(ctx context.Context, r client.Reader, concerns func(*unreadable.Error) bool) (known []v1alpha1.SecurityPolicy, unread, err error) {
	var list v1alpha1.SecurityPolicyList
	var bad []*unreadable.Error
	if err := r.List(ctx, &list, unreadable.Collect(&bad)); err != nil {
		return nil, nil, fmt.Errorf("list security policies: %w", err)
	}
	if i := slices.IndexFunc(bad, concerns); i >= 0 {
		unread = fmt.Errorf("list security policies: %w", bad[i])
	}
	return list.Items, unread, nil
}

// knownPolicies is policies for those who decide nothing while one can't be read.
func knownPolicies(ctx context.Context, r client.Reader, concerns func(*unreadable.Error) bool) ([]v1alpha1.SecurityPolicy, error) {
	all, unread, err := policies(ctx, r, concerns)
	if err != nil {
		return nil, err
	}
	return all, unread
}

// concerning returns whether a policy that can't be read may select one of some
// portals, by what is asked for or by what runs of it.
func concerning(s settings.Settings, portals ...desired.PortalWithAgency) func(*unreadable.Error) bool {
	var subjects []policy.Subject
	for _, p := range portals {
		if p.Portal == nil {
			continue
		}
		agency, _ := names.AgencyOf(p.Portal.Namespace)
		for _, spec := range desired.SelectedBy(p.Portal) {
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
