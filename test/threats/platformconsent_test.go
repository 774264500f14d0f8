package threats

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat40_ConsentIsToOnePlatform: the authority makes a platform wider,
// another one, or anew, after the agency of its portal agreed. Nobody comes in by
// that, those who were served go on, and the agency can agree to the new one.
// Fails when the name alone decides; when a wider list serves; when the type may
// change; when a consent that was taken back stays on record.
func TestThreat40_ConsentIsToOnePlatform(t *testing.T) {
	operate(t)
	for i, name := range []string{"meant-owner", "meant-first", "meant-second"} {
		newAgency(t, name, code("MEANT", i))
	}
	platform := func() *v1alpha1.SharedPlatform {
		return &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "meant"}, Spec: v1alpha1.SharedPlatformSpec{
			DisplayName: "Hệ thống", Type: "Reporting", OwnerRef: v1alpha1.AgencyReference{Name: "meant-owner"}, Capability: "meant",
			Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "meant-owner", Name: "gives"}},
			Agencies: []v1alpha1.AgencyName{"meant-first"}}}
	}
	asks := func(agency string) *v1alpha1.AgencyPortal {
		return harness.Portal(agency, "asks", func(p *v1alpha1.AgencyPortal) {
			p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "meant"}}
		})
	}
	gives := harness.Portal("meant-owner", "gives", func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"meant"} })
	first, second, shared := asks("meant-first"), asks("meant-second"), platform()
	env.Create(t, shared, gives, first, second)
	env.WaitReady(t, shared, gives, first)
	notFor := func(p *v1alpha1.AgencyPortal) {
		t.Helper()
		env.WaitCondition(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonPlatformNotAllowed)
		if n := len(flowsOf(t, p)); n != 0 {
			t.Errorf("%s has %d ways out", p.Namespace, n)
		}
	}
	waits := func() {
		t.Helper()
		env.WaitCondition(t, shared, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)
	}
	agree := func() {
		t.Helper()
		env.Merge(t, gives, `{"spec":{"providesPlatforms":null}}`)
		harness.Eventually(t, func() error {
			if len(flowsOf(t, first))+len(flowsOf(t, second)) > 0 || len(harness.Stored(t, env, shared).Status.Consents) > 0 || len(harness.Stored(t, env, gives).Status.PlatformConsents) > 0 {
				return fmt.Errorf("the consent is not taken back: %+v", harness.Stored(t, env, shared).Status)
			}
			return nil
		})
		env.Merge(t, gives, `{"spec":{"providesPlatforms":["meant"]}}`)
	}

	notFor(second)
	env.Merge(t, shared, `{"spec":{"agencies":["meant-first","meant-second"]}}`)
	waits()
	notFor(second)
	env.WaitReady(t, first)
	env.Merge(t, shared, `{"spec":{"agencies":null}}`)
	waits()
	notFor(second)
	env.WaitReady(t, first)
	// The portal's own YAML makes it anew: that agrees to no more than before.
	if err := env.Admin.Delete(t.Context(), gives); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, gives)
	gives = harness.Portal("meant-owner", "gives", func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"meant"} })
	env.Create(t, gives)
	env.WaitReady(t, gives, first)
	waits()
	never(t, 2*time.Second, func() error {
		if n := len(flowsOf(t, second)); n > 0 {
			return fmt.Errorf("%d ways for the second, consent %+v", n, harness.Stored(t, env, shared).Status.Consents)
		}
		return nil
	})
	agree()
	env.WaitReady(t, shared, first, second)

	// Another type is another platform.
	env.Merge(t, shared, `{"spec":{"type":"Database","changePolicy":"ChangeInUse"}}`)
	waits()
	harness.Eventually(t, func() error {
		if n := len(flowsOf(t, first)) + len(flowsOf(t, second)); n != 0 {
			return fmt.Errorf("%d ways to a platform that became another", n)
		}
		return nil
	})
	agree()
	env.WaitReady(t, shared, first, second)

	// One of the same name that is made anew is another platform too.
	env.Merge(t, shared, `{"spec":{"deletionPolicy":"DeleteInUse"}}`)
	if err := env.Admin.Delete(t.Context(), shared); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, shared)
	shared = platform()
	shared.Spec.Agencies = nil
	env.Create(t, shared)
	waits()
	for _, p := range []*v1alpha1.AgencyPortal{first, second} {
		env.WaitCondition(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)
	}
	agree()
	env.WaitReady(t, shared, first, second)
}

// flowsOf are the policies of a portal beside its own deny-all and base, wherever.
func flowsOf(t *testing.T, p *v1alpha1.AgencyPortal) []string {
	t.Helper()
	var out []string
	for _, np := range policiesOf(t, harness.Stored(t, env, p).Status.Agency) {
		if np.Labels[names.LabelOwnerUID] == string(p.UID) && len(np.Spec.PolicyTypes) == 1 {
			out = append(out, np.Name)
		}
	}
	return out
}

// TestThreat40_ConsentTakesNoDetour: the authority points a platform at another portal
// for a moment, and back with a wider list and another type. The agency's consent is
// to what it was, until the agency itself takes it back.
// Fails when whatever portal the catalogue points at ends the consent of another one.
func TestThreat40_ConsentTakesNoDetour(t *testing.T) {
	operate(t)
	for i, name := range []string{"detour-owner", "detour-first", "detour-second"} {
		newAgency(t, name, code("DETOUR", i))
	}
	shared := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "detour"}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "Hệ thống", Type: "Reporting", OwnerRef: v1alpha1.AgencyReference{Name: "detour-owner"}, Capability: "detour",
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "detour-owner", Name: "gives"}},
		Agencies: []v1alpha1.AgencyName{"detour-first"}}}
	asks := harness.Portal("detour-second", "asks", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "detour"}}
	})
	provides := func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"detour"} }
	gives, plain, willing := harness.Portal("detour-owner", "gives", small, provides), harness.Portal("detour-first", "plain", small), harness.Portal("detour-first", "willing", small, provides)
	env.Create(t, shared, gives, plain, willing, asks)
	env.WaitReady(t, shared, gives, plain, willing)
	for other, available := range map[string]metav1.ConditionStatus{"plain": metav1.ConditionFalse, "willing": metav1.ConditionTrue} {
		env.Merge(t, shared, `{"spec":{"endpoint":{"portal":{"agency":"detour-first","name":"`+other+`"}}}}`)
		env.WaitCondition(t, shared, v1alpha1.ConditionAvailable, available, "")
		env.Merge(t, shared, `{"spec":{"endpoint":{"portal":{"agency":"detour-owner","name":"gives"}},"agencies":null,"type":"Database"}}`)
		env.WaitCondition(t, shared, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)
		never(t, 2*time.Second, func() error {
			if n := len(flowsOf(t, asks)); n > 0 {
				return fmt.Errorf("after %s: %d ways to the owner's portal, consent %+v", other, n, harness.Stored(t, env, shared).Status.Consents)
			}
			return nil
		})
		env.Merge(t, shared, `{"spec":{"agencies":["detour-first"],"type":"Reporting"}}`)
		env.WaitReady(t, shared)
	}
	// It moves to a portal that agrees, and back, and each is as it was agreed to.
	env.Merge(t, shared, `{"spec":{"endpoint":{"portal":{"agency":"detour-first","name":"willing"}}}}`)
	env.WaitReady(t, shared)
	env.Merge(t, gives, `{"spec":{"providesPlatforms":null}}`)
	harness.Eventually(t, func() error {
		if c := harness.Stored(t, env, shared).Status.Consents; len(c) != 1 || c[0].Portal.Name != "willing" {
			return fmt.Errorf("consents %+v, want that of the portal that did not take it back", c)
		}
		return nil
	})
	env.WaitReady(t, shared)
}
