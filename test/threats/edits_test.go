package threats

import (
	"fmt"
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
	make := func(name string, modify ...func(*v1alpha1.AgencyPortal)) *v1alpha1.AgencyPortal {
		t.Helper()
		p := harness.Portal("stops", name, append(modify, small)...)
		env.Create(t, p)
		env.WaitReady(t, p)
		return p
	}
	edit := func(p *v1alpha1.AgencyPortal, patch string) func() error {
		return func() error { return m.Patch(t.Context(), p.DeepCopy(), mergePatch(patch)) }
	}
	older := make("older")
	// Of two one-stop systems the older one is it, by whole seconds.
	time.Sleep(1100 * time.Millisecond)
	typo, early, second, late := make("typo", login), make("early"), make("second", oneStop), make("late", login)
	for _, tt := range []struct {
		what   string
		portal *v1alpha1.AgencyPortal
		do     func() error
	}{
		{"a typo in a platform", typo, edit(typo, `{"spec":{"platformRefs":[{"name":"stopsx"}]}}`)},
		{"a platform that comes later", early, edit(early, `{"spec":{"citizenLogin":true,"platformRefs":[{"name":"soon"}]}}`)},
		{"another portal says that it is the one-stop system", second, edit(older, `{"spec":{"components":["OneStop"]}}`)},
		{"the portal says so too", early, edit(early, `{"spec":{"citizenLogin":null,"platformRefs":null,"components":["OneStop"]}}`)},
		{"the platform goes", late, func() error { return env.Admin.Delete(t.Context(), platform) }},
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
