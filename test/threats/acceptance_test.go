package threats

import (
	"fmt"
	"testing"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestAcceptanceIsNoBlankCheque: a statement that an earlier change did not need
// stands in the spec when the next one has a typo; and one that was looked at
// with a held change stands there when another one is made. Neither counts. The
// same figures count again when they were taken out and set again while the
// change waits.
// Fails when only a statement that was needed is used up: all three Deployments
// go with the first typo.
func TestAcceptanceIsNoBlankCheque(t *testing.T) {
	env.WaitEmpty(t)
	operate(t)
	newAgency(t, "f11", code("F11", 1))
	for i := range 3 {
		p := harness.Portal("f11", fmt.Sprintf("runs%d", i), small)
		env.Create(t, p)
		env.WaitReady(t, p)
	}
	p := harness.Policy("f11", "f11", allow(registry), func(p *v1alpha1.SecurityPolicy) {
		p.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 50, Links: 50}
	})
	env.Create(t, p)
	env.WaitReady(t, p)
	before := deploymentsOf(t, "f11")
	runsOn := func(what string) {
		t.Helper()
		conditionSays(t, p, v1alpha1.ConditionReady, "ImpactHeld", "was there before this change", "take it out")
		never(t, time.Second, func() error {
			if got := deploymentsOf(t, "f11"); fmt.Sprint(got) != fmt.Sprint(before) {
				return fmt.Errorf("%s: Deployments %v, want %v", what, got, before)
			}
			return nil
		})
	}
	observed := func() {
		t.Helper()
		harness.Eventually(t, func() error {
			if got := harness.Stored(t, env, p); got.Status.ObservedGeneration != got.Generation {
				return fmt.Errorf("generation %d, observed %d", got.Generation, got.Status.ObservedGeneration)
			}
			return nil
		})
	}
	registries := func(name string) string { return `"images":{"allowedRegistries":["` + name + `.example.gov.vn"]}` }

	env.Merge(t, p, `{"spec":{`+registries("typo")+`}}`)
	runsOn("a statement that nothing needed")
	// Too little for this change, and seen with it; enough for none that follows.
	env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":2}}}`)
	observed()
	env.Merge(t, p, `{"spec":{`+registries("other")+`}}`)
	runsOn("a statement for another change")

	env.Merge(t, p, `{"spec":{"acceptedImpact":null}}`)
	observed()
	env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":50,"links":50}}}`)
	harness.Eventually(t, func() error {
		if got := deploymentsOf(t, "f11"); len(got) > 0 {
			return fmt.Errorf("Deployments %v after the statement was made anew", got)
		}
		return nil
	})
}
