package agency

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
)

// Gather reads what decides about an agency. Network policies that are not the
// operator's are also looked for in foreign.
func Gather(ctx context.Context, r, foreign, canaries client.Reader, s settings.Settings, a *v1alpha1.Agency) (Input, error) {
	in := Input{Settings: s, Agency: a}
	var err error
	if ref := a.Spec.ParentRef; ref != nil {
		if in.Parent, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(ref.Name)}); err != nil {
			return in, fmt.Errorf("read parent agency: %w", err)
		}
	}
	if in.CodeHolder, err = codeHolder(ctx, r, a); err != nil {
		return in, err
	}
	if in.ForeignPolicies, err = foreignPolicies(ctx, a, r, foreign); err != nil {
		return in, err
	}
	if in.Quota, err = read.Get[corev1.ResourceQuota](ctx, r, client.ObjectKey{Namespace: names.Namespace(a.Name), Name: QuotaName}); err != nil {
		return in, fmt.Errorf("read quota: %w", err)
	}
	if in.Counts, err = counts(ctx, canaries, in.Quota); err != nil {
		return in, err
	}
	if in.Namespace, err = read.Get[corev1.Namespace](ctx, r, client.ObjectKey{Name: names.Namespace(a.Name)}); err != nil {
		return in, fmt.Errorf("read namespace: %w", err)
	}
	if in.Administered, err = administered(ctx, r, a); err != nil {
		return in, err
	}
	if in.Portals, err = portalNames(ctx, r, names.Namespace(a.Name)); err != nil {
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
	if in.PersonalData, err = findPersonalData(ctx, r, false, in); err != nil {
		return in, err
	}
	if in.HeldPersonalData, err = readHeldPersonalData(ctx, r, in); err != nil {
		return in, err
	}
	var services v1alpha1.DataServiceList
	if err := r.List(ctx, &services, client.InNamespace(names.Namespace(a.Name)), client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list data services: %w", err)
	}
	in.Catalogue = Catalogue(services.Items)
	vetoed, err := earlierVetoes(ctx, r, s, a)
	if err != nil {
		return in, err
	}
	in.EarlierVetoes = count(len(vetoed))
	in.Contents, err = contents(ctx, r, a, len(in.Portals), len(services.Items))
	return in, err
}

// codeHolder names the older agency that has the agency's code; empty for none.
func codeHolder(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	var same v1alpha1.AgencyList
	if err := r.List(ctx, &same, client.MatchingFields{names.IndexAgencyCode: a.Spec.Code}, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list agencies with code %s: %w", a.Spec.Code, err)
	}
	if holder := read.Oldest(a, read.Ptrs(same.Items)); holder != a {
		return holder.Name, nil
	}
	return "", nil
}

// administered reports whether the agency's own binding of its administrators stands.
func administered(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (bool, error) {
	admins, err := read.Get[rbacv1.RoleBinding](ctx, r, client.ObjectKey{Namespace: names.Namespace(a.Name), Name: AdminBinding})
	if err != nil {
		return false, fmt.Errorf("read binding of the administrators: %w", err)
	}
	return admins != nil && names.OwnerOf(v1alpha1.KindAgency, a).Owns(admins), nil
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
		{&c.Children, &v1alpha1.AgencyList{}, client.MatchingFields{names.IndexAgencyParent: a.Name}},
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
	if own != nil && Counted(own) {
		return true, nil
	}
	var list corev1.ResourceQuotaList
	if err := canaries.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list canaries: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(q corev1.ResourceQuota) bool { return Counted(&q) }), nil
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
			if !child.Opens(p) {
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
		portal, err := read.Get[v1alpha1.AgencyPortal](ctx, r, key)
		if err != nil || portal == nil {
			return false, read.Wrap("read owner of network policy", err)
		}
		living = portal
	case v1alpha1.KindDataSharingLink:
		link, err := read.Get[v1alpha1.DataSharingLink](ctx, r, key)
		if err != nil || link == nil {
			return false, read.Wrap("read owner of network policy", err)
		}
		living = link
	default:
		return false, nil
	}
	return living.GetUID() == owner.UID, nil
}

// portalNames lists the portals of a namespace, sorted.
func portalNames(ctx context.Context, r client.Reader, namespace string) ([]string, error) {
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list portals: %w", err)
	}
	out := make([]string, len(portals.Items))
	for i := range portals.Items {
		out[i] = portals.Items[i].Name
	}
	slices.Sort(out)
	return out, nil
}
