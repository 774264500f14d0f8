package threats

import (
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat40_HeldPortalLosesWhatIsWithdrawn: the Agency of a running portal is lost,
// so nothing of the portal is made or removed. The way to a platform that is for others
// now closes all the same, the one to a platform that has fewer addresses becomes
// narrower, and what nobody withdrew stays.
// Fails when a hold closes nothing, and when it closes what it could narrow.
func TestThreat40_HeldPortalLosesWhatIsWithdrawn(t *testing.T) {
	operate(t)
	const name, narrow, gone = "t40held", "t40narrow", "t40gone"
	newAgency(t, name, code("T40H", 1))
	narrowed, withdrawn := externalPlatform(narrow), externalPlatform(gone)
	narrowed.Spec.Endpoint.External.CIDRs = append(narrowed.Spec.Endpoint.External.CIDRs, "192.0.2.15/32")
	portal := harness.Portal(name, "runs", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: narrow}, {Name: gone}}
	})
	env.Create(t, narrowed, withdrawn, portal)
	env.WaitReady(t, portal)
	way := func(platform string) client.ObjectKey {
		return client.ObjectKey{Namespace: portal.Namespace, Name: names.Child(names.Platform(portal.Namespace, portal.Name, platform), "egress")}
	}
	peers := func(key client.ObjectKey) (out []string, err error) {
		var p networkingv1.NetworkPolicy
		if err := env.Admin.Get(t.Context(), key, &p); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		for _, rule := range p.Spec.Egress {
			for _, to := range rule.To {
				if to.IPBlock != nil {
					out = append(out, to.IPBlock.CIDR)
				}
			}
		}
		return out, nil
	}
	want := func(platform string, blocks ...string) {
		t.Helper()
		harness.Eventually(t, func() error {
			if got, err := peers(way(platform)); err != nil || fmt.Sprint(got) != fmt.Sprint(blocks) {
				return fmt.Errorf("%s is open to %v, want %v (%w)", platform, got, blocks, err)
			}
			return nil
		})
	}
	want(narrow, "192.0.2.14/32", "192.0.2.15/32")
	want(gone, "192.0.2.14/32")

	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := env.Admin.Delete(t.Context(), agency.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Patch(t.Context(), agency.DeepCopy(), harness.MergePatch(`{"metadata":{"finalizers":null}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, agency)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAgencyNotFound)
	for platform, patch := range map[string]string{
		narrow: `{"spec":{"endpoint":{"external":{"cidrs":["192.0.2.15/32"]}}}}`,
		gone:   `{"spec":{"agencies":["mic"]}}`,
	} {
		if err := env.Admin.Patch(t.Context(), &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: platform}}, harness.MergePatch(patch)); err != nil {
			t.Fatal(err)
		}
	}
	want(narrow, "192.0.2.15/32")
	want(gone)
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: portal.Namespace, Name: names.Child(portal.Name, "base")}, &networkingv1.NetworkPolicy{}); err != nil {
		t.Errorf("what nobody withdrew: %v", err)
	}
	deploymentOf(t, name, "runs")
}
