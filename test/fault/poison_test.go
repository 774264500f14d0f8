package fault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/test/harness"
)

// poisons are what can happen to the writes of a portal's children.
var poisons = []poison{
	{name: "refused", says: "poison", answer: func(*http.Request) *metav1.Status { return harness.Invalid("spec", "poison") }},
	{name: "too large", says: writeFailed, answer: func(*http.Request) *metav1.Status { return harness.TooLarge() }},
	{name: "errors", says: writeFailed, answer: func(*http.Request) *metav1.Status {
		return harness.Failure(http.StatusInternalServerError, metav1.StatusReasonInternalError, "out of order")
	}},
	{name: "no answer", says: writeFailed, fail: func(*http.Request) error { return context.DeadlineExceeded }},
	// A round that panics can say nothing.
	{name: "panic", answer: func(*http.Request) *metav1.Status { panic("injected") }},
}

const writeFailed = "write to the API server failed"

// poison is what happens to a write; the zero value is nothing.
type poison struct {
	name, says string
	answer     func(*http.Request) *metav1.Status
	fail       func(*http.Request) error
}

// sick is a portal of which no child of some kinds can be written.
type sick struct {
	portal *v1alpha1.AgencyPortal
	// resources as in the paths of requests.
	resources []string
	hits      atomic.Int32
}

// sicken returns a portal for each kind that a portal's children have, of which that kind can't be written, and one of which
// none can.
func sicken(agency string) []*sick {
	var out []*sick
	all := &sick{}
	for _, row := range child.EmittedBy(child.AgencyPortal) {
		plural, _ := meta.UnsafeGuessKindToResource(row.GVK)
		out = append(out, &sick{portal: everyChild(agency, "no-"+strings.ToLower(row.GVK.Kind)+"z"), resources: []string{plural.Resource}})
		all.resources = append(all.resources, plural.Resource)
	}
	all.portal = everyChild(agency, "no-childz")
	return append(out, all)
}

// everyChild is a portal with a child of each kind.
func everyChild(agency, name string) *v1alpha1.AgencyPortal {
	return harness.Portal(agency, name, func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 1, Max: ptr.To[int32](2)} })
}

// hit reports whether a request is a write that fails.
func (s *sick) hit(path, body string) bool {
	ours := slices.ContainsFunc(s.resources, func(r string) bool { return slices.Contains(strings.Split(path, "/"), r) })
	if !ours || !strings.Contains(path+body, s.portal.Name) {
		return false
	}
	s.hits.Add(1)
	return true
}

// TestPoisonAmongMany has, among others, portals of which no child of one kind can be written, a portal for each kind, and one
// of which no child at all: the others are Ready and can be changed, the sick ones say why, and they heal when the fault ends.
// The end, and what came and went on the way, is that of a run without a fault (O1, O2); then all is silent (O3), and at
// every revision each workload had its guards, whatever could not be written (O5). Rounds panic where that is the fault, and
// nowhere else (O4).
// Fails when a controller gives up after a write that failed: the sick portals do not heal.
func TestPoisonAmongMany(t *testing.T) {
	var want end
	if !t.Run("no fault", func(t *testing.T) { want = poisoned(t, poison{}) }) {
		return
	}
	for _, p := range poisons {
		t.Run(p.name, func(t *testing.T) { wantEnd(t, p.name, want, poisoned(t, p)) })
	}
}

// poisoned plays one poison, or none, and returns where it ends.
func poisoned(t *testing.T, p poison) end {
	t.Helper()
	w := newWorld(nil, 0)
	ills := sicken(w.a)
	// Each sick portal may have two pods, and a portal that changes one more.
	w.env = startOn(t, 2+(*many+2*len(ills)+1)/110)
	env, earlier := w.env, panics(t)
	var healthy atomic.Bool
	healthy.Store(p.answer == nil && p.fail == nil)
	op := env.Operator(t, harness.OperatorOptions{Transport: p.faults(&healthy, ills).Wrap})
	recorded := record(t, env, w)
	w.agency = harness.Agency(w.a, "Z91A00", removable, func(a *v1alpha1.Agency) { a.Spec.Quota = roomFor(*many + len(ills)) })
	w.create(t, w.agency)
	env.WaitReady(t, w.agency)
	for _, s := range ills {
		w.create(t, s.portal)
	}
	for _, s := range ills {
		if w.portal = s.portal; p.says != "" {
			within(t, roomy(said), s.portal.Name+" says what failed", func() error { return w.portalSays(p.says) })
		}
	}
	var good []*v1alpha1.AgencyPortal
	for i := range *many {
		g := harness.Portal(w.a, fmt.Sprintf("good-%d", i), small)
		w.create(t, g)
		good = append(good, g)
	}
	for _, g := range good {
		env.WaitReady(t, g)
	}
	changed := time.Now()
	w.patch(t, good[0], `{"spec":{"image":"`+otherImage+`"}}`)
	env.WaitReady(t, good[0])
	t.Logf("another portal was changed and Ready after %s", time.Since(changed).Round(10*time.Millisecond))
	for _, s := range ills {
		if n := s.hits.Load(); !healthy.Load() && n == 0 {
			t.Errorf("no write of %s failed: the test does not reach what it is for", s.portal.Name)
		}
		if w.portal = s.portal; !healthy.Load() && w.portalIs(metav1.ConditionTrue) == nil {
			t.Errorf("%s is Ready, although its writes fail", s.portal.Name)
		}
	}
	if p.name == "panic" && panics(t) == earlier {
		t.Error("no round panicked: the test does not reach what it is for")
	}
	healthy.Store(true)
	for _, s := range ills {
		w.portal = s.portal
		within(t, roomy(healed), s.portal.Name+" healed", func() error { return w.portalIs(metav1.ConditionTrue) })
	}
	for _, s := range ills {
		w.portal = s.portal
		w.settled(t)
	}
	w.portal = good[0]
	w.settled(t)
	op.WaitQuiet(t, *quiet)
	recorded.guarded(t)
	recorded.opensOnly(t)
	return w.end(t, recorded.Revisions(t))
}

// faults lets the writes of the sick fail while they are not healthy.
func (p poison) faults(healthy *atomic.Bool, ills []*sick) *harness.Faults {
	hit := func(r *http.Request) bool {
		if healthy.Load() || !harness.IsWrite(r) {
			return false
		}
		body := bodyOf(r)
		return slices.ContainsFunc(ills, func(s *sick) bool { return s.hit(r.URL.Path, body) })
	}
	return &harness.Faults{
		Answer: func(r *http.Request) *metav1.Status {
			if p.answer != nil && hit(r) {
				return p.answer(r)
			}
			return nil
		},
		Fail: func(r *http.Request) error {
			if p.fail != nil && hit(r) {
				return p.fail(r)
			}
			return nil
		},
	}
}

// roomFor lets an agency have so many portals.
func roomFor(portals int) v1alpha1.AgencyQuota {
	return v1alpha1.AgencyQuota{
		Portals: ptr.To(int32(portals)), Pods: ptr.To(int32(3 * portals)),
		CPU: resource.NewQuantity(int64(portals), resource.DecimalSI), Memory: resource.NewQuantity(int64(portals)<<30, resource.BinarySI),
	}
}
