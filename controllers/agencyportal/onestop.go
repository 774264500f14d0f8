package agencyportal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/watches"
	"github.com/govplatform/govplatform/internal/kinds/portal"
)

// oneStopRetry is when a portal looks again that another one came before while none
// of the two was on record.
const oneStopRetry = 5 * time.Second

// beginnings are the portals that begin to run as one-stop systems, one in each
// namespace. A place is taken before the workload is written, and is given back in a
// round that finds the portal on record or not beginning any more, so that two that
// begin at once never both find the place free.
type beginnings struct {
	mu sync.Mutex
	of map[string]string
}

// take returns the portal that has the place of a namespace: the given one if it was
// free.
func (b *beginnings) take(key client.ObjectKey) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[string]string{}
	}
	if b.of[key.Namespace] == "" {
		b.of[key.Namespace] = key.Name
	}
	return b.of[key.Namespace]
}

// giveBack frees the place of a namespace if the portal has it.
func (b *beginnings) giveBack(key client.ObjectKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[key.Namespace] == key.Name {
		delete(b.of, key.Namespace)
	}
}

// Look lets a portal begin as a one-stop system if no other one of its agency runs or
// begins as one. The caches may not know yet what began a moment ago, so the API server
// is asked, after the place is taken.
func (r *Reconciler) Look(ctx context.Context, in *portal.Input, out portal.Output) (portal.Output, time.Duration, error) {
	if in.Unread != nil {
		return out, 0, nil //nolint:nilerr // the loop asks for it
	}
	key := client.ObjectKeyFromObject(in.Portal)
	if !portal.BeginsOneStop(*in, out) {
		r.beginnings.giveBack(key)
		return out, 0, nil
	}
	if other := r.beginnings.take(key); other != key.Name {
		in.OneStopHolder = other
		return portal.Decide(*in), oneStopRetry, nil
	}
	holder, err := portal.OneStopHolder(ctx, r.Applier.Live, in.Portal)
	if err != nil {
		in.Unread = fmt.Errorf("ask for one-stop systems: %w", err)
		return out, 0, nil
	}
	if in.OneStopHolder = holder; holder == "" {
		return out, 0, nil
	}
	r.beginnings.giveBack(key)
	return portal.Decide(*in), 0, nil
}

// oneStopChanged passes portals that begin or cease to run as one-stop systems.
func oneStopChanged() predicate.Predicate {
	return predicate.And(updatesOnly(), watches.Changed(func(p *v1alpha1.AgencyPortal) bool { return portal.RunsOneStop(p, nil) }))
}
