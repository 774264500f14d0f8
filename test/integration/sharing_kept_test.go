package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestKeptEditClosesNoLink: an edit of either end that violates a standard does not
// run, so the link between what runs stays open, and the dataset is the provider's. A standard that stops what runs closes the link.
// Fails when a link looks at the newest spec alone, and when what runs counts
// without looking at the standards.
func TestKeptEditClosesNoLink(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "kept", "C8", direct())
	registries := harness.Policy("kept-registries", "", func(s *v1alpha1.SecurityPolicy) {
		s.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(p.consumer), v1alpha1.AgencyName(p.provider)}
		s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}}
	})
	env.Create(t, registries)
	env.WaitReady(t, registries)
	link := p.link("wants")
	env.Create(t, link)
	decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	policies, err := env.LinkPolicies(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string]bool{}
	for _, o := range policies {
		was[string(o.GetUID())] = true
	}

	for _, portal := range []*v1alpha1.AgencyPortal{harness.Portal(p.consumer, "asks"), harness.Portal(p.provider, "serves")} {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil {
			t.Fatal(err)
		}
		image := portal.Spec.Image
		env.Merge(t, portal, `{"spec":{"image":"registry.evil.example/miner:1"}}`)
		env.WaitCondition(t, portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
		op.WaitQuiet(t, 2*time.Second)
		policies, err := env.LinkPolicies(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range policies {
			if !was[string(o.GetUID())] {
				t.Errorf("%s: policy %s was closed and opened again", portal.Name, o.GetName())
			}
		}
		if len(policies) != 2 {
			t.Errorf("%s: %d policies, want 2", portal.Name, len(policies))
		}
		env.WaitReady(t, link)
		env.WaitCondition(t, p.service, v1alpha1.ConditionDatasetOwned, metav1.ConditionTrue, v1alpha1.ReasonDatasetOwned)
		env.Merge(t, portal, `{"spec":{"image":"`+image+`"}}`)
		env.WaitReady(t, portal)
	}
	// What runs must meet the standards by itself.
	provider := harness.Portal(p.provider, "serves")
	env.Merge(t, provider, `{"spec":{"image":"registry.evil.example/miner:1"}}`)
	env.WaitCondition(t, provider, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
	env.Merge(t, registries, `{"spec":{"images":{"allowedRegistries":["registry.other.example"]},"acceptedImpact":{"portals":2,"links":1}}}`)
	wantPolicies(t, link, 0)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonEndNotCompliant)
}
