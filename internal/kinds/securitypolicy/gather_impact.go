package securitypolicy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// GatherImpact reads what the newest spec of a policy could stop, if the other ones that
// are given waited beside it.
func GatherImpact(ctx context.Context, r client.Reader, s settings.Settings, now time.Time, p *v1alpha1.SecurityPolicy, others ...v1alpha1.SecurityPolicy) (ImpactInput, error) {
	in := ImpactInput{Policy: p}
	var err error
	// What another policy asks for that can't be read, it asks for before and after.
	none := func(*unreadable.Error) bool { return false }
	if in.Policies, err = read.KnownPolicies(ctx, r, none); err != nil {
		return in, err
	}
	for i := range others {
		same := func(o v1alpha1.SecurityPolicy) bool { return o.Name == others[i].Name }
		in.Policies = append(slices.DeleteFunc(slices.Clone(in.Policies), same), others[i])
	}
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list portals: %w", err)
	}
	for i := range portals.Items {
		portal := &portals.Items[i]
		if object.RunningSpec(portal) == nil || portal.DeletionTimestamp != nil {
			continue
		}
		in.Running++
		one := portalkind.Input{Settings: s, Portal: portal}
		if name, ok := names.AgencyOf(portal.Namespace); ok {
			if one.Agency, err = read.Get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: name}); err != nil && !unreadable.IsUnreadable(err) {
				return in, fmt.Errorf("read agency: %w", err)
			}
		}
		if one.Platforms, err = portalkind.Platforms(ctx, r, portal); err != nil {
			return in, err
		}
		in.Portals = append(in.Portals, one)
	}
	var links v1alpha1.DataSharingLinkList
	if err := r.List(ctx, &links, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list links: %w", err)
	}
	look := needsLinks(&in)
	for i := range links.Items {
		l := &links.Items[i]
		if l.DeletionTimestamp != nil || !object.LinkOpen(l) {
			continue
		}
		in.Running++
		if !look {
			continue
		}
		one, err := link.Gather(ctx, r, s, now, l)
		if err != nil {
			return in, err
		}
		in.Links = append(in.Links, one)
		if one.Unread != nil {
			// Whether the direct route is allowed is not known, so what stops it either way counts.
			one.Unread = nil
			in.Links = append(in.Links, one)
		}
	}
	return in, nil
}
