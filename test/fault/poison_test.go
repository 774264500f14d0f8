package fault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// poisons are what can happen to every write of one portal's objects.
var poisons = []struct {
	name, says string
	answer     func(*http.Request) *metav1.Status
	fail       func(*http.Request) error
}{
	{name: "refused", says: "poison", answer: func(*http.Request) *metav1.Status { return harness.Invalid("spec", "poison") }},
	{name: "too large", says: "write to the API server failed", answer: func(*http.Request) *metav1.Status { return harness.TooLarge() }},
	{name: "errors", says: "write to the API server failed", answer: func(*http.Request) *metav1.Status {
		return harness.Failure(http.StatusInternalServerError, metav1.StatusReasonInternalError, "out of order")
	}},
	{name: "no answer", says: "write to the API server failed", fail: func(*http.Request) error { return context.DeadlineExceeded }},
	// A round that panics can say nothing.
	{name: "panic", answer: func(*http.Request) *metav1.Status { panic("injected") }},
}

// TestPoisonAmongMany has one portal of which no Deployment can be written among others: the others are Ready and stay
// so, it says why, and it heals when the fault ends.
func TestPoisonAmongMany(t *testing.T) {
	for _, p := range poisons {
		t.Run(p.name, func(t *testing.T) {
			env := start(t)
			var healthy atomic.Bool
			hits := func(r *http.Request) bool {
				return !healthy.Load() && harness.IsWrite(r) && strings.Contains(r.URL.Path, "/deployments") && strings.Contains(r.URL.Path+bodyOf(r), "poison")
			}
			faults := &harness.Faults{
				Answer: func(r *http.Request) *metav1.Status {
					if p.answer != nil && hits(r) {
						return p.answer(r)
					}
					return nil
				},
				Fail: func(r *http.Request) error {
					if p.fail != nil && hits(r) {
						return p.fail(r)
					}
					return nil
				},
			}
			op := env.Operator(t, harness.OperatorOptions{Transport: faults.Wrap})
			w := newWorld(env, 0)
			w.agency = harness.Agency(w.a, "Z91", removable, func(a *v1alpha1.Agency) { a.Spec.Quota = roomFor(*many + 1) })
			w.create(t, w.agency)
			env.WaitReady(t, w.agency)
			w.portal = harness.Portal(w.a, "poison", small)
			w.create(t, w.portal)
			var good []*v1alpha1.AgencyPortal
			for i := range *many {
				g := harness.Portal(w.a, fmt.Sprintf("good-%d", i), small)
				w.create(t, g)
				good = append(good, g)
			}
			for _, g := range good {
				env.WaitReady(t, g)
			}
			if p.says != "" {
				within(t, room*said, "it says what failed", func() error { return w.portalSays(p.says) })
			}
			if n := panics(t); p.name == "panic" && n == 0 {
				t.Error("no round panicked: the test does not reach what it is for")
			}
			changed := time.Now()
			w.patch(t, good[0], `{"spec":{"image":"`+otherImage+`"}}`)
			env.WaitReady(t, good[0])
			t.Logf("another portal was changed and Ready after %s", time.Since(changed).Round(10*time.Millisecond))
			healthy.Store(true)
			within(t, room*healed, "healed", func() error { return w.portalIs(metav1.ConditionTrue) })
			op.WaitQuiet(t, *quiet)
		})
	}
}

// roomFor lets an agency have so many portals.
func roomFor(portals int) v1alpha1.AgencyQuota {
	return v1alpha1.AgencyQuota{Portals: ptr.To(int32(portals)), Pods: ptr.To(int32(3 * portals))}
}
