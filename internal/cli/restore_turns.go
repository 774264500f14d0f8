package cli

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// claimant is the youngest object so far with a claim, as the cluster has it.
type claimant struct {
	object *unstructured.Unstructured
	seen   time.Time
}

// apart is more than the step of creationTimestamp.
const apart = 1050 * time.Millisecond

// turn waits until an object that is created now is younger than those that
// claim the same.
func (r *restorer) turn(ctx context.Context, u *unstructured.Unstructured) {
	for _, claim := range r.plan.Claims(u) {
		if c, ok := r.claimants[claim]; ok && !r.options.DryRun {
			select {
			case <-ctx.Done():
			case <-time.After(apart - time.Since(c.seen)):
			}
		}
	}
}

// claimed remembers what a live object claims. One that is older here than what
// was older in the file has what the other one had. Who owns a dataset is on
// record instead.
func (r *restorer) claimed(u, live *unstructured.Unstructured) {
	for _, claim := range r.plan.Claims(u) {
		c, ok := r.claimants[claim]
		if ok && u.GetKind() != v1alpha1.KindDataService && read.Precedes(live, c.object) {
			r.fail("%s: it is older here than %s, which was the older one and had the %s: delete it, and repeat the command", backup.ObjectKey(u), view.ObjectName(c.object), claim)
			continue
		}
		r.claimants[claim] = claimant{live, time.Now()}
	}
}
