package threats

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestSlipInManyPoliciesIsHeld: one typo in the policies of three agencies, each of
// which stops one portal only, stops one portal in all (A14): the bound is for all
// policies together. With each policy weighed by itself all three Deployments are
// gone within a second.
func TestSlipInManyPoliciesIsHeld(t *testing.T) {
	env.WaitEmpty(t)
	op := operate(t)
	var portals []*v1alpha1.AgencyPortal
	for i := range 3 {
		a := newAgency(t, fmt.Sprintf("a14many%d", i), code("A14M", i+1))
		portals = append(portals, harness.Portal(a.Name, "runs", small))
		env.Create(t, portals[i])
	}
	for _, p := range portals {
		env.WaitReady(t, p)
	}
	policies := map[string]*v1alpha1.SecurityPolicy{}
	for i := range 3 {
		name := fmt.Sprintf("a14many%d", i)
		policies[name] = harness.Policy(name, name, func(p *v1alpha1.SecurityPolicy) {
			p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.exmaple.gov.vn"}}
		})
		env.Create(t, policies[name])
	}
	held := func() error {
		n := 0
		for _, p := range policies {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
			got := conditionOf(p, v1alpha1.ConditionReady)
			if got.Reason == v1alpha1.ReasonImpactHeld && strings.Contains(got.Message, "share one bound") && strings.Contains(got.Message, "acceptedImpact to {portals: 1, links: 0}") {
				n++
			}
		}
		if n < 2 {
			return fmt.Errorf("%d of three policies are held, want two or three", n)
		}
		return nil
	}
	harness.Eventually(t, held)
	run := func() (n int) {
		for _, p := range portals {
			var d appsv1.Deployment
			switch err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), &d); {
			case err == nil:
				n++
			case !apierrors.IsNotFound(err):
				t.Fatal(err)
			}
		}
		return n
	}
	if n := run(); n < 2 {
		t.Fatalf("%d of three portals run on, want two at least", n)
	}

	// Another process knows it too: it is in the status.
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	running = nil
	operate(t)
	harness.Eventually(t, held)
	if n := run(); n < 2 {
		t.Fatalf("after a restart %d of three portals run on, want two at least", n)
	}

	for _, p := range policies {
		if p.Status.Impact == nil {
			continue
		}
		patch := harness.MergePatch(`{"spec":{"acceptedImpact":{"portals":1,"links":0}}}`)
		if err := env.Admin.Patch(t.Context(), p, patch); err != nil {
			t.Fatal(err)
		}
		env.WaitCondition(t, p, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEnforcing)
		env.WaitGone(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-" + p.Name, Name: "runs"}})
	}
}
