package gather

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// personalData names one thing that shows that an agency holds personal data or
// stricter, the first by kind and name; empty when nothing does. What runs counts
// as well as what is asked for, and what cannot be read counts as personal.
func personalData(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	for _, look := range []func(context.Context, client.Reader, *v1alpha1.Agency) (string, error){personalPortal, personalService, personalLink} {
		found, err := look(ctx, r, a)
		if unreadable.IsUnreadable(err) {
			return "an object that the operator can't read", nil
		}
		if err != nil || found != "" {
			return found, err
		}
	}
	return "", nil
}

func personalPortal(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	var list v1alpha1.AgencyPortalList
	if err := r.List(ctx, &list, client.InNamespace(names.Namespace(a.Name)), unreadable.Strict, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list portals: %w", err)
	}
	found := ""
	for i := range list.Items {
		if p := &list.Items[i]; PersonalPortal(p) {
			found = firstName(found, p.Name)
		}
	}
	return named("AgencyPortal", found), nil
}

// PersonalPortal reports whether a portal, or what keeps running in its place,
// holds personal data or stricter.
func PersonalPortal(p *v1alpha1.AgencyPortal) bool {
	last := p.Status.LastCompliant
	return policy.Protected(p.Spec.DataClassification) || last != nil && policy.Protected(last.DataClassification)
}

func personalService(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	var list v1alpha1.DataServiceList
	if err := r.List(ctx, &list, client.InNamespace(names.Namespace(a.Name)), unreadable.Strict, client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list data services: %w", err)
	}
	found := ""
	for i := range list.Items {
		if s := &list.Items[i]; PersonalService(s) {
			found = firstName(found, s.Name)
		}
	}
	return named("DataService", found), nil
}

// PersonalService reports whether a data service shares personal data or stricter.
func PersonalService(s *v1alpha1.DataService) bool { return policy.Protected(s.Spec.Classification) }

// personalLink looks at the links of both sides: by their scopes, and, of those
// that the agency asks for, by the other end as it is now.
func personalLink(ctx context.Context, r client.Reader, a *v1alpha1.Agency) (string, error) {
	found := ""
	for _, where := range []client.ListOption{client.InNamespace(names.Namespace(a.Name)), client.MatchingFields{IndexLinkProviderAgency: a.Name}} {
		var list v1alpha1.DataSharingLinkList
		if err := r.List(ctx, &list, where, unreadable.Strict, client.UnsafeDisableDeepCopy); err != nil {
			return "", fmt.Errorf("list links: %w", err)
		}
		for i := range list.Items {
			l := &list.Items[i]
			personal := PersonalLink(l)
			if !personal && l.Namespace == names.Namespace(a.Name) {
				var err error
				if personal, err = personalProvider(ctx, r, l); err != nil {
					return "", err
				}
			}
			if personal {
				found = firstName(found, l.Namespace+"/"+l.Name)
			}
		}
	}
	return named("DataSharingLink", found), nil
}

// PersonalLink reports whether the scope of a link has personal data or stricter.
func PersonalLink(l *v1alpha1.DataSharingLink) bool {
	return l.Status.Scope != nil && policy.Protected(l.Status.Scope.Classification)
}

// personalProvider reports whether what a link asks for is personal, whether or
// not it has a scope yet.
func personalProvider(ctx context.Context, r client.Reader, l *v1alpha1.DataSharingLink) (bool, error) {
	namespace := names.Namespace(string(l.Spec.Provider.Agency))
	svc, err := get[v1alpha1.DataService](ctx, r, client.ObjectKey{Namespace: namespace, Name: string(l.Spec.Provider.Service)})
	if err != nil || svc == nil {
		return false, wrap("read service", err)
	}
	p, err := get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: namespace, Name: string(svc.Spec.PortalRef.Name)})
	return PersonalService(svc) || p != nil && PersonalPortal(p), wrap("read portal", err)
}

func firstName(found, name string) string {
	if found == "" || name < found {
		return name
	}
	return found
}

func named(kind, name string) string {
	if name == "" {
		return ""
	}
	return kind + " " + name
}
