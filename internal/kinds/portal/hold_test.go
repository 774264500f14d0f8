package portal

import (
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

func randomPortal(r *rand.Rand, policies []v1alpha1.SecurityPolicy) Input {
	agency, portal := kindtest.RandomObjects(r)
	return Input{Settings: settings.Default(), Agency: agency, NamespaceGuarded: true, Policies: policies, Portal: portal}
}

// TestHeldIsNeverLooser: what is new runs only if both the specs in force and the
// newest specs let it run; what runs goes on exactly while the specs in force
// let it. Evaluating the newest specs alone for what is new fails this test, and
// so does evaluating them for what runs.
func TestHeldIsNeverLooser(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	refused, kept, noted := 0, 0, 0
	for i := range 4000 {
		policies := kindtest.RandomPolicies(r)
		in := randomPortal(r, policies)
		with := func(p []v1alpha1.SecurityPolicy) bool {
			one := in
			one.Policies = kindtest.InForceOnly(p)
			one.Portal = in.Portal.DeepCopy()
			one.Portal.Status.LastCompliant = nil
			return Decide(one).Running != nil
		}
		inForce, newest := with(policy.InForce(policies)), with(policies)
		out := Decide(in)
		if out.Running != nil && (!inForce || !newest) {
			t.Fatalf("%d: a new portal runs; in force allows it: %v, the newest: %v", i, inForce, newest)
		}
		if out.Running == nil {
			refused++
		}
		in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
		out = Decide(in)
		if (out.Running != nil) != inForce {
			t.Fatalf("%d: what runs goes on: %v; in force allows it: %v", i, out.Running != nil, inForce)
		}
		if out.Running != nil && !newest {
			kept++
		}
		for _, f := range out.Findings {
			if f.Mode == v1alpha1.ModeHeld {
				noted++
				held := policies[slices.IndexFunc(policies, func(p v1alpha1.SecurityPolicy) bool { return p.Name == f.Policy })]
				if with(policy.InForce(policy.Accept(policies, &held))) {
					t.Fatalf("%d: a held finding %+v, though the portal would run on", i, f)
				}
			}
		}
		if diff := cmp.Diff(slices.Compact(slices.Clone(out.Policies)), out.Policies); diff != "" {
			t.Fatalf("%d: policies are named twice: %v", i, out.Policies)
		}
	}
	if refused < 100 || kept < 100 || noted < 100 {
		t.Errorf("too few cases: %d refused, %d kept, %d noted", refused, kept, noted)
	}
}

// TestStartedUnderHeldStandardStaysSo: a portal that starts while a standard is
// held is written the same way when it is the one that runs.
func TestStartedUnderHeldStandardStaysSo(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	compared := 0
	for i := range 2000 {
		in := randomPortal(r, kindtest.RandomPolicies(r))
		first := Decide(in)
		if first.Running == nil {
			continue
		}
		in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
		in.Deployment = kindtest.DeploymentIn(first.Objects)
		compared++
		if diff := cmp.Diff(first.Objects, Decide(in).Objects); diff != "" {
			t.Fatalf("%d: written anew in the next round (-first +second):\n%s", i, diff)
		}
	}
	if compared < 200 {
		t.Errorf("only %d portals ran", compared)
	}
}
