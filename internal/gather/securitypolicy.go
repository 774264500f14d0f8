package gather

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// SecurityPolicy reads what decides about a policy. What runs in the country is
// looked at only while the newest spec is not in force.
func SecurityPolicy(ctx context.Context, r client.Reader, s settings.Settings, now time.Time, p *v1alpha1.SecurityPolicy) (desired.PolicyInput, error) {
	in := desired.PolicyInput{Policy: p, Now: now, Bound: Bound(s)}
	var portals v1alpha1.AgencyPortalList
	if err := r.List(ctx, &portals, client.MatchingFields{IndexPortalPolicy: p.Name}); err != nil {
		return in, fmt.Errorf("list portals of policy: %w", err)
	}
	in.Portals = portals.Items
	absent, err := absentAgencies(ctx, r, policy.AgenciesOfPolicy(&p.Spec))
	if err != nil {
		return in, err
	}
	in.AbsentAgencies = absent
	if !policy.Pending(p) {
		return in, nil
	}
	running, err := Impact(ctx, r, s, now, p)
	in.Running = &running
	return in, err
}

// Bound is how much changes of standards may stop, as the settings say.
func Bound(s settings.Settings) policy.Bound {
	b := s.Bound()
	return policy.Bound{Count: b.Portals, Percent: b.Percent, Window: b.Window.Duration}
}

// HoldsSettings reports whether newer settings are held after those on record, by what
// they would touch.
func HoldsSettings(former settings.Record, newer settings.Settings, touched policy.Stopped) bool {
	return Bound(former.InForce).Exceeds(touched) && !policy.Accepts(former.Statement(newer), touched)
}

// Impact reads what the newest spec of a policy could stop, if the other ones that
// are given waited beside it.
func Impact(ctx context.Context, r client.Reader, s settings.Settings, now time.Time, p *v1alpha1.SecurityPolicy, others ...v1alpha1.SecurityPolicy) (desired.ImpactInput, error) {
	in := desired.ImpactInput{Policy: p}
	var err error
	// What another policy asks for that can't be read, it asks for before and after.
	none := func(*unreadable.Error) bool { return false }
	if in.Policies, err = knownPolicies(ctx, r, none); err != nil {
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
		if desired.RunningSpec(portal) == nil || portal.DeletionTimestamp != nil {
			continue
		}
		in.Running++
		one := desired.PortalInput{Settings: s, Portal: portal}
		if name, ok := names.AgencyOf(portal.Namespace); ok {
			if one.Agency, err = get[v1alpha1.Agency](ctx, r, client.ObjectKey{Name: name}); err != nil && !unreadable.IsUnreadable(err) {
				return in, fmt.Errorf("read agency: %w", err)
			}
		}
		if one.Platforms, err = platforms(ctx, r, portal); err != nil {
			return in, err
		}
		in.Portals = append(in.Portals, one)
	}
	var links v1alpha1.DataSharingLinkList
	if err := r.List(ctx, &links, client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list links: %w", err)
	}
	look := desired.NeedsLinks(&in)
	for i := range links.Items {
		l := &links.Items[i]
		if l.DeletionTimestamp != nil || !desired.LinkOpen(l) {
			continue
		}
		in.Running++
		if !look {
			continue
		}
		one, err := DataSharingLink(ctx, r, s, now, l)
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
