package portal

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/read"
)

// OneStopHolder names the other portal of the agency that is its one-stop system, and
// whose place a portal can't take; empty for none.
func OneStopHolder(ctx context.Context, r client.Reader, p *v1alpha1.AgencyPortal) (string, error) {
	// The API server has no index, and is asked only when a portal begins.
	all, unread, err := portalsIn(ctx, r, p.Namespace)
	if err != nil {
		return "", err
	}
	var deployments appsv1.DeploymentList
	if err := r.List(ctx, &deployments, client.InNamespace(p.Namespace)); err != nil {
		return "", fmt.Errorf("list deployments of the agency: %w", err)
	}
	of := map[string]*appsv1.Deployment{}
	for i := range deployments.Items {
		of[deployments.Items[i].Name] = &deployments.Items[i]
	}
	return oneStopHolderOf(p, all, of), unread
}

// oneStopHolderOf decides by what runs. A portal that has started as a one-stop system
// keeps its place, whatever an older one asks for now. Where none has, the oldest one
// that asks for it is next; where several have, the oldest is it.
func oneStopHolderOf(p *v1alpha1.AgencyPortal, all []v1alpha1.AgencyPortal, of map[string]*appsv1.Deployment) string {
	var run, ask []*v1alpha1.AgencyPortal
	for i := range all {
		s := &all[i]
		switch {
		case s.UID == p.UID:
		case RunsOneStop(s, of[s.Name]):
			run = append(run, s)
		case OneStop(&s.Spec) && s.DeletionTimestamp == nil:
			ask = append(ask, s)
		}
	}
	rivals := run
	switch {
	case RunsOneStop(p, of[p.Name]):
	case len(run) > 0:
		return read.Oldest(run[0], run).Name
	default:
		rivals = ask
	}
	if first := read.Oldest(p, rivals); first != p {
		return first.Name
	}
	return ""
}
