package platform

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Gather reads what decides about a shared platform.
func Gather(ctx context.Context, r client.Reader, s settings.Settings, p *v1alpha1.SharedPlatform) (Input, error) {
	in := Input{Settings: s, Platform: p}
	var err error
	if in.AbsentAgencies, err = read.AbsentAgencies(ctx, r, policy.AgenciesOfPlatform(&p.Spec)); err != nil {
		return in, err
	}
	ref, err := portalkind.Reference(ctx, r, p)
	if err != nil {
		return in, err
	}
	in.Endpoint, in.DuplicateOf = ref.Endpoint, ref.DuplicateOf
	if in.Consents, err = standingConsents(ctx, r, p); err != nil {
		return in, err
	}
	if in.Policies, err = read.KnownPolicies(ctx, r, portalkind.Concerning(s, ref.Endpoint)); err != nil {
		return in, err
	}
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.MatchingFields{names.IndexPortalPlatform: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
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
		portal, err := read.Get[v1alpha1.AgencyPortal](ctx, r, client.ObjectKey{Namespace: names.Namespace(string(c.Portal.Agency)), Name: string(c.Portal.Name)})
		if err != nil && !unreadable.IsUnreadable(err) {
			return nil, fmt.Errorf("read portal that agreed: %w", err)
		}
		if portal == nil || slices.Contains(portal.Spec.ProvidesPlatforms, v1alpha1.ObjectName(p.Name)) {
			out = append(out, c)
		}
	}
	return out, nil
}
