package link

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Gather reads what decides about a link.
func Gather(ctx context.Context, r client.Reader, s settings.Settings, now time.Time, l *v1alpha1.DataSharingLink) (Input, error) {
	in := Input{Settings: s, Now: now, Link: l}
	var err error
	if in.Consumer, err = portal.GatherEnd(ctx, r, l.Namespace, string(l.Spec.Consumer.PortalRef.Name)); err != nil {
		return in, err
	}
	if in.Asked, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: string(l.Spec.Provider.Agency)}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read provider: %w", err)
	}
	if in.Authority, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: s.AuthorityAgency}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read authority: %w", err)
	}
	if in.AuthorityAbsent, err = authorityAbsent(ctx, r, s, in.Authority, err); err != nil {
		return in, err
	}
	provider := names.Namespace(string(l.Spec.Provider.Agency))
	if in.Service, err = read.Get[v1alpha1.DataService](ctx, r, client.ObjectKey{Namespace: provider, Name: string(l.Spec.Provider.Service)}); err != nil && !unreadable.IsUnreadable(err) {
		return in, fmt.Errorf("read service: %w", err)
	}
	if in.Service != nil {
		if in.Provider, err = portal.GatherEnd(ctx, r, provider, string(in.Service.Spec.PortalRef.Name)); err != nil {
			return in, err
		}
		if in.OpenPlatform, err = portal.OpenPlatform(ctx, r, in.Provider.Portal); err != nil {
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
	if in.Policies, in.Unread, err = read.Policies(ctx, r, portal.Concerning(s, in.Consumer, in.Provider, in.Via)); err != nil {
		return in, err
	}
	var approvals v1alpha1.DataSharingApprovalList
	if err := r.List(ctx, &approvals, client.MatchingFields{names.IndexApprovalLink: l.Namespace + "/" + l.Name}); err != nil {
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
	ns, err := read.Get[corev1.Namespace](ctx, r, client.ObjectKey{Name: names.Namespace(s.AuthorityAgency)})
	if err != nil {
		return false, fmt.Errorf("read the authority's namespace: %w", err)
	}
	return ns == nil || authority != nil && !names.OwnerOf(v1alpha1.KindAgency, authority).Owns(ns), nil
}

// siblingLabels reads the classes, each once, of the other living services of the
// provider's portal, and of those of its agency with the same dataset and of their
// portals. Another agency's label does not count: nobody closes the links of others
// by publishing something. Every link of a portal asks this, so the services, of which
// there can be hundreds, are not copied.
func siblingLabels(ctx context.Context, r client.Reader, in *Input) error {
	svc := in.Service
	portals := map[v1alpha1.ObjectName]bool{svc.Spec.PortalRef.Name: true}
	var bad []*unreadable.Error
	for _, by := range []client.MatchingFields{{names.IndexServicePortal: string(svc.Spec.PortalRef.Name)}, {names.IndexServiceDataset: string(svc.Spec.Dataset)}} {
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
			labels, err := classesOf(ctx, r, client.ObjectKey{Namespace: svc.Namespace, Name: string(name)})
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

// classesOf returns the classes of what a portal is asked to be, and of what runs.
func classesOf(ctx context.Context, r client.Reader, key client.ObjectKey) (out []v1alpha1.DataClassification, err error) {
	p, err := read.Get[v1alpha1.AgencyPortal](ctx, r, key)
	if err != nil || p == nil {
		return nil, err
	}
	for _, spec := range portal.SelectedBy(p) {
		out = append(out, spec.DataClassification)
	}
	return out, nil
}

// sharingPlatform returns the portal of the oldest sharing platform in the
// cluster that is no duplicate and whose portal agreed; nothing when there is none.
func sharingPlatform(ctx context.Context, r client.Reader) (portal.End, error) {
	var list v1alpha1.SharedPlatformList
	if err := r.List(ctx, &list, client.MatchingFields{names.IndexPlatformType: string(v1alpha1.PlatformDataSharing)}, client.UnsafeDisableDeepCopy); err != nil {
		return portal.End{}, fmt.Errorf("list sharing platforms: %w", err)
	}
	candidates := slices.DeleteFunc(read.Ptrs(list.Items), func(p *v1alpha1.SharedPlatform) bool {
		return p.Spec.Endpoint.Portal == nil || p.DeletionTimestamp != nil
	})
	slices.SortFunc(candidates, func(a, b *v1alpha1.SharedPlatform) int {
		if read.Precedes(a, b) {
			return -1
		}
		return 1
	})
	for _, p := range candidates {
		ref, err := portal.Reference(ctx, r, p)
		if err != nil {
			return portal.End{}, err
		}
		if ref.DuplicateOf == "" && portal.Consents(ref.Endpoint.Portal, p) {
			return ref.Endpoint, nil
		}
	}
	return portal.End{}, nil
}
