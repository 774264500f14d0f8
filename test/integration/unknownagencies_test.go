package integration

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestUnknownAgenciesAreTold: a standard and a platform that name an agency that does
// not exist are ready, so that it may come after them; they say so, open nothing, and
// see it come without being asked. Fails where Ready rests on Available.
func TestUnknownAgenciesAreTold(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	standard := harness.Policy("named-later", "named-later", func(p *v1alpha1.SecurityPolicy) { p.Spec.Logging = &v1alpha1.LoggingControl{RetentionMonths: 1} })
	platform := sharedPlatform("named-later", "serves", "Reporting", "named later")
	env.Create(t, standard, platform, harness.Agency("named-user", "N81"))
	env.WaitCondition(t, standard, v1alpha1.ConditionAgenciesResolved, metav1.ConditionFalse, v1alpha1.ReasonAgencyNotFound)
	env.WaitCondition(t, standard, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEnforcing)
	env.WaitCondition(t, platform, v1alpha1.ConditionAgenciesResolved, metav1.ConditionFalse, v1alpha1.ReasonAgencyNotFound)
	env.WaitCondition(t, platform, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonCatalogued)
	env.WaitReady(t, harness.Agency("named-user", ""))
	user := harness.Portal("named-user", "user", func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(platform.Name)}}
	})
	env.Create(t, user)
	env.WaitCondition(t, user, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonPlatformUnavailable)
	wantFlows(t, user, 0)
	later := harness.Agency("named-later", "N82")
	env.Create(t, later)
	env.WaitCondition(t, standard, v1alpha1.ConditionAgenciesResolved, metav1.ConditionTrue, v1alpha1.ReasonAgenciesResolved)
	env.WaitCondition(t, platform, v1alpha1.ConditionAgenciesResolved, metav1.ConditionTrue, v1alpha1.ReasonAgenciesResolved)
	env.WaitReady(t, later)
	env.Create(t, harness.Portal("named-later", "serves", provides(v1alpha1.ObjectName(platform.Name))))
	env.WaitCondition(t, platform, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	env.WaitReady(t, user)
}
