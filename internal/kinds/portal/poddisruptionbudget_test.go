package portal

import (
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// TestBudgetFollowsWhatRuns fails where the least number of pods alone decides,
// as it did: a portal scaled from 1 to 4 pods was drained to none.
func TestBudgetFollowsWhatRuns(t *testing.T) {
	for _, c := range []struct {
		lower, upper int32
		want         bool
	}{{1, 0, false}, {1, 1, false}, {1, 2, true}, {1, 4, true}, {2, 0, true}, {2, 2, true}, {2, 8, true}} {
		r := v1alpha1.Replicas{Min: c.lower}
		if c.upper > 0 {
			r.Max = &c.upper
		}
		b := podDisruptionBudget(object.Scope{Portal: "tax"}, r)
		if (b != nil) != c.want {
			t.Errorf("min %d, max %d: budget %v, want one: %t", c.lower, c.upper, b, c.want)
		}
		if b != nil && (b.Spec.MaxUnavailable.IntVal != 1 || b.Spec.MinAvailable != nil) {
			t.Errorf("min %d, max %d: %+v", c.lower, c.upper, b.Spec)
		}
	}
}
