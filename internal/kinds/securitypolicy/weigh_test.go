package securitypolicy

import (
	"fmt"
	rand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/policy"
)

var (
	weighedAt   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sharedBound = policy.Bound{Count: 5, Percent: 10, Window: time.Hour}
)

// fourEach is a country of so many agencies with four running portals each.
func fourEach(agencies int) []portal.Input {
	var out []portal.Input
	for i := range agencies {
		for j := range 4 {
			p := randomInput(rand.New(rand.NewPCG(8, 1)), nil)
			agency := fmt.Sprintf("a%d", i)
			p.Agency = &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency, UID: "agency"}}
			p.Portal.Namespace, p.Portal.Name = "agency-"+agency, fmt.Sprintf("p%d", j)
			p.Portal.Spec.Image = "one.example/x:1"
			p.Portal.Status.LastCompliant = p.Portal.Spec.DeepCopy()
			out = append(out, p)
		}
	}
	return out
}

// typo is a new policy that would stop the four portals of an agency.
func typo(agency int, modify ...func(*v1alpha1.SecurityPolicy)) v1alpha1.SecurityPolicy {
	p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("typo-%d", agency), Generation: 1}}
	p.Spec.Mode = v1alpha1.ModeEnforce
	p.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(fmt.Sprintf("a%d", agency))}
	p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"oen.example"}}
	for _, f := range modify {
		f(&p)
	}
	return p
}

// stoppedAgo has the policy in force, with what it stopped then.
func stoppedAgo(portals int32, ago time.Duration) func(*v1alpha1.SecurityPolicy) {
	return func(p *v1alpha1.SecurityPolicy) {
		p.Status.InForce = p.Spec.DeepCopy()
		p.Status.RecentStops = &v1alpha1.RecentStops{At: metav1.NewTime(weighedAt.Add(-ago)), Portals: portals}
	}
}

func decideWeighed(p *v1alpha1.SecurityPolicy, all []v1alpha1.SecurityPolicy, portals []portal.Input) Output {
	return Decide(Input{Policy: p, Bound: sharedBound, Now: weighedAt,
		Running: &ImpactInput{Policy: p, Policies: all, Portals: portals, Running: 100}})
}

// TestPoliciesShareOneBound: what waits and what took effect lately counts for
// every policy (A14). With each weighed by itself (impact.Stopped in place of
// Total) "two beside each other", "five" and "lately" are in force at once.
func TestPoliciesShareOneBound(t *testing.T) {
	harmless := func(p *v1alpha1.SecurityPolicy) { p.Spec.Images.AllowedRegistries[0] = "one.example" }
	accepting := func(n int32) func(*v1alpha1.SecurityPolicy) {
		return func(p *v1alpha1.SecurityPolicy) { p.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: n} }
	}
	inForceBefore := func(p *v1alpha1.SecurityPolicy) {
		stoppedAgo(1, 10*time.Minute)(p)
		p.Status.InForce.Images = nil
	}
	tests := []struct {
		name     string
		policies []v1alpha1.SecurityPolicy
		held     []string
		recent   int32 // what the first policy has stopped lately afterwards
	}{
		{"one", []v1alpha1.SecurityPolicy{typo(0)}, nil, 4},
		{"two beside each other", []v1alpha1.SecurityPolicy{typo(0), typo(1)}, []string{"typo-0", "typo-1"}, 0},
		{"five", []v1alpha1.SecurityPolicy{typo(0), typo(1), typo(2), typo(3), typo(4)}, []string{"typo-0", "typo-1", "typo-2", "typo-3", "typo-4"}, 0},
		{"one that stops nothing beside one that does", []v1alpha1.SecurityPolicy{typo(0), typo(1, harmless)}, nil, 4},
		{"one that stops nothing beside two that do", []v1alpha1.SecurityPolicy{typo(0), typo(1), typo(2, harmless)}, []string{"typo-0", "typo-1"}, 0},
		{"lately", []v1alpha1.SecurityPolicy{typo(0), typo(1, stoppedAgo(4, 59*time.Minute))}, []string{"typo-0"}, 0},
		{"before the window", []v1alpha1.SecurityPolicy{typo(0), typo(1, stoppedAgo(4, time.Hour))}, nil, 4},
		{"lately, by a clock that was set back", []v1alpha1.SecurityPolicy{typo(0), typo(1, stoppedAgo(4, -time.Hour))}, []string{"typo-0"}, 0},
		{"little lately", []v1alpha1.SecurityPolicy{typo(0), typo(1, stoppedAgo(1, time.Minute))}, nil, 4},
		{"lately by itself", []v1alpha1.SecurityPolicy{typo(0, inForceBefore)}, nil, 5},
		{"stops nothing, much lately", []v1alpha1.SecurityPolicy{typo(0, harmless), typo(1, stoppedAgo(5, time.Minute))}, nil, 0},
		{"confirmed, beside another", []v1alpha1.SecurityPolicy{typo(0, accepting(4)), typo(1)}, []string{"typo-1"}, 0},
		{"confirmed for fewer", []v1alpha1.SecurityPolicy{typo(0, accepting(3)), typo(1)}, []string{"typo-0", "typo-1"}, 0},
		{"a statement that is not needed counts", []v1alpha1.SecurityPolicy{typo(0, accepting(4))}, nil, 4},
	}
	portals := fourEach(5)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				slices.Reverse(tt.policies)
				var held []string
				for i := range tt.policies {
					p := &tt.policies[i]
					out := decideWeighed(p, tt.policies, portals)
					if out.Held != nil {
						held = append(held, p.Name)
					}
					if p.Name != "typo-0" {
						continue
					}
					if got := out.Recent; (got == nil) != (tt.recent == 0) || got != nil && got.Portals != tt.recent {
						t.Errorf("lately it stopped %+v, want %d portals", got, tt.recent)
					}
				}
				slices.Sort(held)
				if !slices.Equal(held, tt.held) {
					t.Errorf("held are %v, want %v", held, tt.held)
				}
			}
		})
	}
}

// TestBoundHoldsInEveryOrder: five slips, looked at one by one in any order, by an
// operator that sees what it wrote or does not yet, stop at most the bound within
// the window.
func TestBoundHoldsInEveryOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	portals := fourEach(5)
	for range 50 {
		var seen []v1alpha1.SecurityPolicy
		stopped := 0
		for _, i := range r.Perm(5) {
			seen = append(seen, typo(i))
			stale := slices.Clone(seen)
			for j := range seen {
				all := seen
				if r.IntN(2) == 0 {
					all = stale
				}
				p := seen[j]
				if !policy.Pending(&p) {
					continue
				}
				out := decideWeighed(&p, all, portals)
				if out.Held == nil {
					stopped += 4
				}
				seen[j].Status.InForce, seen[j].Status.RecentStops = out.InForce, out.Recent
			}
		}
		if stopped > sharedBound.Count {
			t.Fatalf("%d portals stopped", stopped)
		}
	}
}

// TestTwoPermissionsTakenAway: a link that either of two policies permits stays
// while one of them goes, so each change stops nothing by itself.
func TestTwoPermissionsTakenAway(t *testing.T) {
	open := openDirect()
	open.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}}
	open.Link.Status.ObservedGeneration = open.Link.Generation
	first := open.Policies[0]
	first.Generation = 2
	first.Status.InForce = first.Spec.DeepCopy()
	first.Spec.DataSharing = nil
	second := *first.DeepCopy()
	second.Name = "second"
	all := []v1alpha1.SecurityPolicy{first, second}
	for i := range all {
		w := Weigh(ImpactInput{Policy: &all[i], Policies: all, Links: []link.Input{open}, Running: 1}, sharedBound, weighedAt)
		if w.Links != 1 || w.Total.Links != 1 || strings.Join(w.Pending, "") != all[1-i].Name {
			t.Errorf("%s: weighed as %+v, want the link", all[i].Name, w)
		}
	}
}

// TestRenderedOnce: a round renders a portal once for each set of policies that it
// asks about. Without the kept ones it is 4 for a policy by itself and 8 beside
// another that waits.
func TestRenderedOnce(t *testing.T) {
	portals := fourEach(2)
	for _, tt := range []struct {
		name     string
		policies []v1alpha1.SecurityPolicy
		each     int
	}{
		{"by itself", []v1alpha1.SecurityPolicy{typo(0)}, 2},
		{"beside another", []v1alpha1.SecurityPolicy{typo(0), typo(0, func(p *v1alpha1.SecurityPolicy) { p.Name = "other" })}, 4},
	} {
		in := ImpactInput{Policy: &tt.policies[0], Policies: tt.policies, Portals: portals, Running: 100}
		if !needsLinks(&in) {
			t.Errorf("%s: the typo stops nothing", tt.name)
		}
		if w := Weigh(in, sharedBound, weighedAt); w.Portals != 4 {
			t.Errorf("%s: %d portals stop, want 4", tt.name, w.Portals)
		}
		if got, want := in.rendered.made, 4*tt.each; got != want {
			t.Errorf("%s: four portals were rendered %d times, want %d", tt.name, got, want)
		}
	}
}
