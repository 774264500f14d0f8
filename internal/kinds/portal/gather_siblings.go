package portal

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// siblings reads what the other portals of the agency mean for a portal: which one has
// the one-stop system, where the portal asks for it, and how many are before it, where
// that can matter. Every round of every portal asks, so neither looks at all of them
// unless it has to.
func siblings(ctx context.Context, r client.Reader, in *Input) error {
	p := in.Portal
	candidates, unread, err := portalsIn(ctx, r, p.Namespace, client.MatchingFields{names.IndexPortalOneStop: names.Yes})
	if err != nil {
		return err
	}
	if in.Unread == nil {
		in.Unread = unread
	}
	if OneStop(&p.Spec) {
		of := map[string]*appsv1.Deployment{p.Name: in.Deployment}
		for i := range candidates {
			s := &candidates[i]
			if of[s.Name], err = otherDeployment(ctx, r, s); err != nil {
				return err
			}
		}
		in.OneStopHolder = oneStopHolderOf(p, candidates, of)
	}
	if started(p, in.Deployment) && !mayBeBeyond(in.Agency) {
		return nil
	}
	return countSiblings(ctx, r, in)
}

// mayBeBeyond reports whether an agency has more portals than its quota, as it counted
// them last. It decides only whether one that runs says that it is beyond the quota. What
// is about to start is always counted by what is there now. See AgencyFacts.
func mayBeBeyond(a *v1alpha1.Agency) bool {
	return a != nil && int(a.Status.Portals) > agency.PortalQuota(a)
}

// countSiblings counts the older portals of the agency and the younger ones that have
// started.
func countSiblings(ctx context.Context, r client.Reader, in *Input) error {
	all, _, err := portalsIn(ctx, r, in.Portal.Namespace)
	if err != nil {
		return err
	}
	for i := range all {
		s := &all[i]
		if s.UID == in.Portal.UID {
			continue
		}
		if read.Precedes(s, in.Portal) {
			in.OlderSiblings++
			continue
		}
		var d *appsv1.Deployment
		if !WritesDeployment(s) {
			// The status may be late, or lost.
			if d, err = otherDeployment(ctx, r, s); err != nil {
				return err
			}
		}
		if started(s, d) {
			in.RunningSiblings++
		}
	}
	return nil
}

func otherDeployment(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (*appsv1.Deployment, error) {
	d, err := read.Get[appsv1.Deployment](ctx, r, client.ObjectKeyFromObject(p))
	return d, read.Wrap("read deployment of another portal", err)
}

// portalsIn lists portals of a namespace that can be read, the cache's own, and returns
// the first portal there that can't, whichever were asked for.
func portalsIn(ctx context.Context, r client.Reader, namespace string, which ...client.ListOption) (_ []v1alpha1.AgencyPortal, unread, err error) {
	var list v1alpha1.AgencyPortalList
	var bad []*unreadable.Error
	if err := r.List(ctx, &list, append(which, client.InNamespace(namespace), unreadable.Collect(&bad), client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, nil, fmt.Errorf("list portals of the agency: %w", err)
	}
	if i := slices.IndexFunc(bad, func(e *unreadable.Error) bool { return e.Key.Namespace == namespace }); i >= 0 {
		unread = fmt.Errorf("list portals of the agency: %w", bad[i])
	}
	return list.Items, unread, nil
}
