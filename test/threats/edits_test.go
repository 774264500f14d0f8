package threats

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestEditsStopNothing: a typo in a reference, a platform that comes later or
// goes, and a second one-stop system keep a spec from running, and not what runs.
// Fails when what a spec waits for stops what has started: the Deployment is removed.
func TestEditsStopNothing(t *testing.T) {
	operate(t)
	newAgency(t, "stops", code("stops", 1))
	platform := externalPlatform("stops")
	env.Create(t, platform)
	m := mallory(t, "stops")
	login := func(p *v1alpha1.AgencyPortal) {
		p.Spec.CitizenLogin = true
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "stops"}}
	}
	oneStop := func(p *v1alpha1.AgencyPortal) { p.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop} }
	start := func(name string, modify ...func(*v1alpha1.AgencyPortal)) *v1alpha1.AgencyPortal {
		t.Helper()
		p := harness.Portal("stops", name, append(modify, small)...)
		env.Create(t, p)
		env.WaitReady(t, p)
		return p
	}
	edit := func(p *v1alpha1.AgencyPortal, patch string) func() error {
		return func() error { return m.Patch(t.Context(), p.DeepCopy(), harness.MergePatch(patch)) }
	}
	older := start("older")
	// Of two one-stop systems the older one is it, by whole seconds.
	time.Sleep(1100 * time.Millisecond)
	typo, early, late := start("typo", login), start("early"), start("late", login)
	second := start("second", oneStop)
	for _, tt := range []struct {
		what   string
		portal *v1alpha1.AgencyPortal
		do     func() error
	}{
		{"a typo in a platform", typo, edit(typo, `{"spec":{"platformRefs":[{"name":"stopsx"}]}}`)},
		{"a platform that comes later", early, edit(early, `{"spec":{"citizenLogin":true,"platformRefs":[{"name":"soon"}]}}`)},
		{"an older portal says that it is the one-stop system", older, edit(older, `{"spec":{"components":["OneStop"]}}`)},
		{"the portal says so too", early, edit(early, `{"spec":{"citizenLogin":null,"platformRefs":null,"components":["OneStop"]}}`)},
		{"the platform goes", late, func() error { return env.Admin.Delete(t.Context(), platform) }},
		{"the platform comes back with another type", late, func() error {
			other := externalPlatform("stops")
			other.Spec.Type = v1alpha1.PlatformPayment
			return env.Admin.Create(t.Context(), other)
		}},
	} {
		before := runningDeployment(t, tt.portal)
		if err := tt.do(); err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		env.WaitCondition(t, tt.portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
		never(t, time.Second, func() error {
			if now := runningDeployment(t, tt.portal); now != before {
				return fmt.Errorf("%s: Deployment %s, and %s before", tt.what, now, before)
			}
			return nil
		})
	}
	// Who was first is free to change.
	env.Merge(t, second, `{"spec":{"displayName":"Một cửa"}}`)
	env.WaitReady(t, second)
	platformIsBack(t, late)
	// The place is free: the older one's edit runs.
	env.Merge(t, early, `{"spec":{"components":null}}`)
	env.Merge(t, second, `{"spec":{"components":null}}`)
	env.WaitReady(t, older)
}

// platformIsBack makes a platform anew as it was, which ends what kept the portal.
func platformIsBack(t *testing.T, portal *v1alpha1.AgencyPortal) {
	t.Helper()
	platform := externalPlatform(string(portal.Spec.PlatformRefs[0].Name))
	if err := env.Admin.Delete(t.Context(), platform); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, platform.DeepCopy())
	env.Create(t, externalPlatform(platform.Name))
	env.WaitReady(t, portal)
}

// TestOneOneStop: two portals of one apply both say that they are the agency's
// one-stop system. One of them starts, whatever order the operator learns of them in,
// and the next one does when that one goes.
// Fails when the oldest that asks has the place, whether it runs or not, and none is
// taken before it begins: two run in the first round.
func TestOneOneStop(t *testing.T) {
	operate(t)
	newAgency(t, "onestop", code("onestop", 1))
	asks := func(p *v1alpha1.AgencyPortal) { p.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop} }
	for round := range 5 {
		var portals []*v1alpha1.AgencyPortal
		for i := range 4 {
			portals = append(portals, harness.Portal("onestop", fmt.Sprintf("r%d-%d", round, i), small, asks))
		}
		var wg sync.WaitGroup
		for _, p := range portals {
			wg.Go(func() {
				if err := env.Admin.Create(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for left := len(portals); left > 0; left-- {
			harness.Eventually(t, func() error {
				if got := deploymentsOf(t, "onestop"); len(got) != 1 {
					return fmt.Errorf("round %d, %d left: Deployments %v, want one", round, left, got)
				}
				return nil
			})
			never(t, 500*time.Millisecond, func() error {
				if got := deploymentsOf(t, "onestop"); len(got) > 1 {
					return fmt.Errorf("round %d, %d left: Deployments %v, want one", round, left, got)
				}
				return nil
			})
			for name := range deploymentsOf(t, "onestop") {
				if err := env.Admin.Delete(t.Context(), harness.Portal("onestop", name)); err != nil {
					t.Fatal(err)
				}
				harness.Eventually(t, func() error {
					if deploymentsOf(t, "onestop")[name] != "" {
						return fmt.Errorf("the Deployment of %s is still there", name)
					}
					return nil
				})
			}
		}
	}
}

// TestKeptSpecMeetsStandards: while an edit is kept, what runs is held to a standard
// that is tightened and selects it by its level or exposure, and not the newest spec.
// Fails when portals are found by the level and exposure of the newest spec alone: the
// forbidden program runs on.
func TestKeptSpecMeetsStandards(t *testing.T) {
	operate(t)
	newAgency(t, "keptstd", code("keptstd", 1))
	for name, selector := range map[string]v1alpha1.PolicySelector{
		"level":    {SecurityLevels: []v1alpha1.SecurityLevel{4}},
		"exposure": {Exposures: []v1alpha1.Exposure{v1alpha1.ExposureInternet}},
	} {
		p := harness.Portal("keptstd", name, small, func(p *v1alpha1.AgencyPortal) {
			p.Spec.Scope, p.Spec.Exposure, p.Spec.DataClassification = v1alpha1.ScopeNational, v1alpha1.ExposureInternet, v1alpha1.ClassificationPublic
			p.Spec.Hostnames = []v1alpha1.DNSName{v1alpha1.DNSName(name + ".keptstd.example.gov.vn")}
		})
		env.Create(t, p)
		harness.Eventually(t, func() error {
			if runningDeployment(t, p) == "" || harness.Stored(t, env, p).Status.LastCompliant == nil {
				return errors.New("it does not run yet")
			}
			return nil
		})
		env.Merge(t, p, fmt.Sprintf(`{"spec":{"scope":"Agency","exposure":"Internal","hostnames":null,"citizenLogin":true,"platformRefs":[{"name":"keptstd-%s"}]}}`, name))
		env.WaitCondition(t, p, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
		standard := harness.Policy("keptstd-"+name, "keptstd", allow("registry.other.example"), func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Selector, s.Spec.AcceptedImpact = selector, &v1alpha1.AcceptedImpact{Portals: 999}
		})
		env.Create(t, standard)
		harness.Eventually(t, func() error {
			if d := runningDeployment(t, p); d != "" {
				return fmt.Errorf("%s: Deployment %s runs what the standard forbids", name, d)
			}
			return nil
		})
		if err := env.Admin.Delete(t.Context(), standard); err != nil {
			t.Fatal(err)
		}
	}
}

// runningDeployment identifies a portal's Deployment that has replicas; empty for none.
func runningDeployment(t *testing.T, p *v1alpha1.AgencyPortal) string {
	t.Helper()
	var d appsv1.Deployment
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), &d); err != nil || d.DeletionTimestamp != nil || d.Spec.Replicas == nil || *d.Spec.Replicas == 0 {
		return ""
	}
	return string(d.UID)
}
