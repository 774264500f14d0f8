package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func minReplicas(n int32, modify ...func(*v1alpha1.SecurityPolicySpec)) v1alpha1.SecurityPolicySpec {
	s := v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, Availability: &v1alpha1.AvailabilityControl{MinReplicas: n}}
	for _, f := range modify {
		f(&s)
	}
	return s
}

// stored is a policy as it is in the API server.
func stored(name string, spec v1alpha1.SecurityPolicySpec, modify ...func(*v1alpha1.SecurityPolicy)) v1alpha1.SecurityPolicy {
	p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 2}, Spec: spec}
	p.Status.ObservedGeneration = 2
	for _, f := range modify {
		f(&p)
	}
	return p
}

// TestWhichSpecApplies lists every state that a policy can be in.
func TestWhichSpecApplies(t *testing.T) {
	inForce := func(n int32) func(*v1alpha1.SecurityPolicy) {
		return func(p *v1alpha1.SecurityPolicy) { s := minReplicas(n); p.Status.InForce = &s }
	}
	impact := func(p *v1alpha1.SecurityPolicy) { p.Status.Impact = &v1alpha1.PolicyImpact{Portals: 9} }
	enforced := func(reason string, generation int64) func(*v1alpha1.SecurityPolicy) {
		return func(p *v1alpha1.SecurityPolicy) {
			p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEnforced, Reason: reason, ObservedGeneration: generation}}
		}
	}
	accepting := func(s *v1alpha1.SecurityPolicySpec) { s.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 3} }
	unset := func(s *v1alpha1.SecurityPolicySpec) { s.Mode = "" }
	tests := []struct {
		name          string
		policy        v1alpha1.SecurityPolicy
		runs, isNew   []int32
		pending, held bool
	}{
		{"accepted", stored("p", minReplicas(2), inForce(2)), []int32{2}, []int32{2}, false, false},
		{"accepted, with a statement in the spec", stored("p", minReplicas(2, accepting), inForce(2)), []int32{2}, []int32{2}, false, false},
		{"accepted, mode unset", stored("p", minReplicas(2, unset), inForce(2)), []int32{2}, []int32{2}, false, false},
		{"changed, not looked at", stored("p", minReplicas(3), inForce(2)), []int32{2}, []int32{2, 3}, true, false},
		{"held", stored("p", minReplicas(3), inForce(2), impact), []int32{2}, []int32{2, 3}, true, true},
		{"new, not looked at", stored("p", minReplicas(3)), nil, []int32{3}, true, false},
		{"new and held", stored("p", minReplicas(3), impact, enforced(v1alpha1.ReasonImpactHeld, 2)), nil, []int32{3}, true, true},
		{"new, could not be looked at", stored("p", minReplicas(3), enforced(v1alpha1.ReasonLookupFailed, 2)), nil, []int32{3}, true, false},
		{"corrected, impact not taken back yet", stored("p", minReplicas(2), inForce(2), impact), []int32{2}, []int32{2}, false, false},
		{"enforced by an earlier operator", stored("p", minReplicas(2), enforced(v1alpha1.ReasonEnforcing, 2)), []int32{2}, []int32{2}, false, false},
		{"audited by an earlier operator", stored("p", minReplicas(2), enforced(v1alpha1.ReasonAuditing, 2)), []int32{2}, []int32{2}, false, false},
		{"changed behind an earlier operator", stored("p", minReplicas(2), enforced(v1alpha1.ReasonEnforcing, 1)), []int32{2}, []int32{2}, false, false},
		{"changed behind an earlier operator that failed", stored("p", minReplicas(2), enforced(v1alpha1.ReasonApplyFailed, 1)), []int32{2}, []int32{2}, false, false},
		{"without effect under an operator that recorded nothing", stored("p", minReplicas(2), enforced(v1alpha1.ReasonNoEffect, 2)), []int32{2}, []int32{2}, false, false},
		{"changed behind an operator under which it had no effect", stored("p", minReplicas(2), enforced(v1alpha1.ReasonNoEffect, 1)), nil, []int32{2}, true, false},
		{"changed behind an earlier operator that audited", stored("p", minReplicas(2), enforced(v1alpha1.ReasonAuditing, 1)), nil, []int32{2}, true, false},
		{"held, and could not be applied", stored("p", minReplicas(2), impact, enforced(v1alpha1.ReasonApplyFailed, 1)), nil, []int32{2}, true, true},
		{"a file", v1alpha1.SecurityPolicy{Spec: minReplicas(2)}, []int32{2}, []int32{2}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := []v1alpha1.SecurityPolicy{tt.policy}
			if diff := cmp.Diff(tt.runs, replicasOf(InForce(all))); diff != "" {
				t.Errorf("what runs meets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.isNew, replicasOf(ForNew(all))); diff != "" {
				t.Errorf("what is new meets (-want +got):\n%s", diff)
			}
			if Pending(&tt.policy) != tt.pending || IsHeld(&tt.policy) != tt.held || len(Held(all)) > 0 != tt.held {
				t.Errorf("pending %v, held %v", Pending(&tt.policy), IsHeld(&tt.policy))
			}
			after := Accept(all, &tt.policy)
			if diff := cmp.Diff(replicasOf(after), replicasOf(InForce(after))); diff != "" || Pending(&after[0]) {
				t.Errorf("accepted, it is not in force:\n%s", diff)
			}
		})
	}
}

func replicasOf(policies []v1alpha1.SecurityPolicy) []int32 {
	var out []int32
	for i := range policies {
		out = append(out, policies[i].Spec.Availability.MinReplicas)
	}
	return out
}

// TestBound: one that stops is never much by its share; the number bounds all.
func TestBound(t *testing.T) {
	b := Bound{Count: 5, Percent: 10}
	tests := []struct {
		name string
		s    Stopped
		want bool
	}{
		{"nothing", Stopped{Running: 13}, false},
		{"nothing of nothing", Stopped{}, false},
		{"the only portal", Stopped{Portals: 1, Running: 1}, false},
		{"one of three", Stopped{Portals: 1, Running: 3}, false},
		{"one with its links", Stopped{Portals: 1, Links: 4, Consequent: 4, Running: 8}, false},
		{"one that many links hang on", Stopped{Portals: 1, Links: 5, Consequent: 5, Running: 1000}, true},
		{"one link", Stopped{Links: 1, Running: 2}, false},
		{"two of two", Stopped{Portals: 2, Running: 2}, true},
		{"a portal and a link of its own", Stopped{Portals: 1, Links: 1, Running: 10}, true},
		{"two of twenty", Stopped{Portals: 2, Running: 20}, false},
		{"two of nineteen", Stopped{Portals: 2, Running: 19}, true},
		{"five of fifty", Stopped{Portals: 5, Running: 50}, false},
		{"six of a thousand", Stopped{Portals: 6, Running: 1000}, true},
		{"six links of a thousand", Stopped{Links: 6, Running: 1000}, true},
		{"thirteen of thirteen", Stopped{Portals: 13, Running: 13}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.Exceeds(tt.s); got != tt.want {
				t.Errorf("Exceeds(%+v) = %v", tt.s, got)
			}
			more := tt.s
			more.Portals++
			more.Running++
			if b.Exceeds(tt.s) && !b.Exceeds(more) {
				t.Errorf("one more that stops makes it little: %+v", more)
			}
		})
	}
}

func say(portals, links int32) *v1alpha1.AcceptedImpact {
	return &v1alpha1.AcceptedImpact{Portals: portals, Links: links}
}

func TestAccepts(t *testing.T) {
	s := Stopped{Portals: 7, Links: 2}
	tests := []struct {
		name   string
		stated *v1alpha1.AcceptedImpact
		want   bool
	}{
		{"nothing said", nil, false},
		{"exactly", say(7, 2), true},
		{"more", say(100, 100), true},
		{"too few portals", say(6, 2), false},
		{"too few links", say(7, 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Accepts(tt.stated, s); got != tt.want {
				t.Errorf("Accepts(%+v) = %v", tt.stated, got)
			}
		})
	}
}

func TestStatement(t *testing.T) {
	tests := []struct {
		name                 string
		stated, seen         *v1alpha1.AcceptedImpact
		generation, observed int64
		counts               bool
	}{
		{"nothing said", nil, nil, 2, 1, false},
		{"said with the creation", say(7, 2), nil, 1, -1, true},
		{"said in one write with the change, or after it", say(7, 2), nil, 2, 1, true},
		{"another statement than the one before", say(8, 2), say(7, 2), 3, 2, true},
		{"seen before the change, needed or not", say(7, 2), say(7, 2), 3, 2, false},
		{"looked at again", say(7, 2), say(7, 2), 2, 2, false},
		{"looked at again after a status that was not written", say(7, 2), nil, 2, 2, true},
		{"two writes seen as one", say(7, 2), nil, 3, 1, false},
		{"two writes before the first look", say(7, 2), nil, 2, -1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &v1alpha1.SecurityPolicy{}
			p.Generation, p.Spec.AcceptedImpact = tt.generation, tt.stated
			p.Status.ObservedGeneration, p.Status.UsedAcceptance = tt.observed, tt.seen
			if got := Statement(p); (got != nil) != tt.counts {
				t.Errorf("Statement = %v, want one that counts: %v", got, tt.counts)
			}
		})
	}
}
