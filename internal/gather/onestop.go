package gather

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
)

// OneStopHolder names the other portal of the agency that is its one-stop system, and
// whose place a portal can't take; empty for none.
func OneStopHolder(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (string, error) {
	list, of, unread, err := portalsOf(ctx, r, p.Namespace)
	if err != nil {
		return "", err
	}
	return oneStopHolder(p, list, of), unread
}

// oneStopHolder decides by what runs. A portal that has started as a one-stop system
// keeps its place, whatever an older one asks for now. Where none has, the oldest one
// that asks for it is next; where several have, the oldest is it.
func oneStopHolder(p *v1alpha1.AgencyPortal, all []v1alpha1.AgencyPortal, of map[string]*appsv1.Deployment) string {
	var run, ask []*v1alpha1.AgencyPortal
	for i := range all {
		s := &all[i]
		switch {
		case s.UID == p.UID:
		case desired.RunsOneStop(s, of[s.Name]):
			run = append(run, s)
		case desired.OneStop(&s.Spec) && s.DeletionTimestamp == nil:
			ask = append(ask, s)
		}
	}
	rivals := run
	switch {
	case desired.RunsOneStop(p, of[p.Name]):
	case len(run) > 0:
		return oldest(run[0], run).Name
	default:
		rivals = ask
	}
	if first := oldest(p, rivals); first != p {
		return first.Name
	}
	return ""
}
