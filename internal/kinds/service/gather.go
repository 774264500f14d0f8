package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// Gather reads what decides about a data service.
func Gather(ctx context.Context, r client.Reader, s settings.Settings, svc *v1alpha1.DataService, now time.Time) (Input, error) {
	in := Input{Settings: s, Service: svc, Now: now}
	var err error
	if in.Provider, err = portal.GatherEnd(ctx, r, svc.Namespace, string(svc.Spec.PortalRef.Name)); err != nil {
		return in, err
	}
	var claims v1alpha1.DataServiceList
	var bad []*unreadable.Error
	if err := r.List(ctx, &claims, client.MatchingFields{names.IndexServiceDataset: string(svc.Spec.Dataset)}, unreadable.Collect(&bad), client.UnsafeDisableDeepCopy); err != nil {
		return in, fmt.Errorf("list services with dataset %s: %w", svc.Spec.Dataset, err)
	}
	all, unread, err := read.Policies(ctx, r, func(e *unreadable.Error) bool { return e.OwnsDatasets })
	if err != nil {
		return in, err
	}
	in.AssignedTo, in.DisputedBy = policy.AssignedOwner(policy.InForce(all), string(svc.Spec.Dataset))
	elsewhere := in.AssignedTo != "" && !inAgency(svc, in.AssignedTo)
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
	holder, err := datasetHolder(ctx, r, in, read.Ptrs(claims.Items))
	if err != nil {
		return in, err
	}
	if holder != nil {
		in.DatasetHolder, in.HolderSettled = holder.Namespace+"/"+holder.Name, settledOwner(holder, s, now)
	}
	if in.OpenPlatform, err = portal.OpenPlatform(ctx, r, in.Provider.Portal); err != nil {
		return in, err
	}
	in.Consumers, in.Links, err = consumers(ctx, r, svc)
	return in, err
}

// datasetHolder returns the valid claimant of a service's dataset that is settled, else
// the one that came to own it first, or the oldest if none has; nil when that is the
// service itself or there is none. The age of an object alone says little: anybody can have an
// old one and name another dataset in it, or give it its portal later.
func datasetHolder(ctx context.Context, r client.Reader, in Input, claims []*v1alpha1.DataService) (*v1alpha1.DataService, error) {
	var holder *v1alpha1.DataService
	for _, c := range claims {
		p := in.Provider
		if c.UID == in.Service.UID {
			c = in.Service
		} else {
			var err error
			if p, err = portal.GatherEnd(ctx, r, c.Namespace, string(c.Spec.PortalRef.Name)); err != nil {
				return nil, err
			}
		}
		if !ValidClaim(c, p) || in.AssignedTo != "" && p.Agency.Name != in.AssignedTo {
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
func claimsBefore(in Input, a, b *v1alpha1.DataService) bool {
	if settled := settledOwner(a, in.Settings, in.Now); settled != settledOwner(b, in.Settings, in.Now) {
		return settled
	}
	switch x, y := heldClaim(a), heldClaim(b); {
	case x == nil && y == nil:
		return read.Precedes(a, b)
	case x == nil || y == nil:
		return x != nil
	case x.HeldSince.Equal(&y.HeldSince):
		return read.Precedes(a, b)
	default:
		return x.HeldSince.Before(&y.HeldSince)
	}
}

// consumers lists the portals with an open link to a service, and all links that
// ask for it.
func consumers(ctx context.Context, r client.Reader, svc *v1alpha1.DataService) (portals, asking []string, err error) {
	var links v1alpha1.DataSharingLinkList
	if err := r.List(ctx, &links, client.MatchingFields{names.IndexLinkService: svc.Namespace + "/" + svc.Name}, client.UnsafeDisableDeepCopy); err != nil {
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
