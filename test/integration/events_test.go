package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestEventsTellTheStory: what the operator made, what somebody changed or removed
// and who, what blocks a portal and what lets it run again stands on the portal, and
// nothing more comes once all is as it should be.
// Fails when a round's ledger is not told, when the version that was replaced is not
// asked for, and when a restored child counts as created.
func TestEventsTellTheStory(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	agency := harness.Agency("storytellers", "Z71STORY")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	portal := harness.Portal("storytellers", "tale")
	env.Create(t, portal)
	env.WaitReady(t, portal)
	ns := names.Namespace("storytellers")
	env.WaitTold(t, metav1.NamespaceDefault, harness.About("Agency", "storytellers"), "Normal Created", "Namespace agency-storytellers", "ResourceQuota agency-storytellers/")
	env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Normal Created", "NetworkPolicy agency-storytellers/tale", "Deployment agency-storytellers/tale", "Service agency-storytellers/tale")
	env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Normal Ready", "Ready")

	// Somebody whom no admission policy holds opens the portal, and removes its Deployment.
	var policies networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &policies, client.InNamespace(ns), client.MatchingLabels{names.LabelPortal: "tale"}); err != nil || len(policies.Items) == 0 {
		t.Fatal(err)
	}
	key := client.ObjectKeyFromObject(&policies.Items[0])
	for times := range 2 {
		opened := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
		env.Edit(t, opened, func() { opened.Spec.Egress = append(opened.Spec.Egress, networkingv1.NetworkPolicyEgressRule{}) }, client.FieldOwner("kubectl-edit"))
		env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Warning Repaired", "NetworkPolicy agency-storytellers/"+key.Name, `"kubectl-edit" (spec.egress)`)
		// Each time is told, although nothing else has changed about the portal.
		harness.Eventually(t, func() error {
			n := 0
			for _, e := range env.Told(t, ns, harness.About("AgencyPortal", "tale")) {
				if strings.HasPrefix(e, "Warning Repaired") {
					n++
				}
			}
			if n != times+1 {
				return fmt.Errorf("%d of %d repairs are told", n, times+1)
			}
			return nil
		})
	}
	if err := env.Admin.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "tale"}}); err != nil {
		t.Fatal(err)
	}
	env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Warning Restored", "Deployment agency-storytellers/tale")

	// What the portal's own edit changes was changed by nobody else.
	if err := env.Admin.Patch(t.Context(), portal, harness.MergePatch(`{"spec":{"replicas":{"min":3}}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Normal Changed", "Deployment agency-storytellers/tale")

	// A violator.
	policy := harness.Policy("story-digests", "storytellers")
	policy.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.story.example.gov.vn"}}
	policy.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 10, Links: 10}
	env.Create(t, policy)
	env.WaitTold(t, ns, harness.About("AgencyPortal", "tale"), "Warning", "images.allowedRegistries")

	op.WaitQuiet(t, 3*time.Second)
	before := env.Told(t, ns, harness.About("AgencyPortal", "tale"))
	op.WaitQuiet(t, 3*time.Second)
	if after := env.Told(t, ns, harness.About("AgencyPortal", "tale")); !slices.Equal(before, after) {
		t.Errorf("nothing happened, and it was told:\n%s", strings.Join(after, "\n"))
	}
	t.Logf("the story:\n%s", strings.Join(before, "\n"))
}
