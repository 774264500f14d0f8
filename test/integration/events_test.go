package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// told returns the Events about an object, as "type reason: note", oldest first.
func told(t *testing.T, kind, namespace, name string) []string {
	t.Helper()
	var list eventsv1.EventList
	if err := env.Admin.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(list.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	var out []string
	for _, e := range list.Items {
		if e.Regarding.Kind == kind && e.Regarding.Name == name {
			out = append(out, fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Note))
		}
	}
	return out
}

// wantTold waits for an Event with a beginning and some words.
func wantTold(t *testing.T, kind, namespace, name, begins string, words ...string) {
	t.Helper()
	harness.Eventually(t, func() error {
		all := told(t, kind, namespace, name)
		if !slices.ContainsFunc(all, func(e string) bool {
			return strings.HasPrefix(e, begins) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e, w) })
		}) {
			return fmt.Errorf("no event %q with %q among\n%s", begins, words, strings.Join(all, "\n"))
		}
		return nil
	})
}

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
	wantTold(t, "Agency", metav1.NamespaceDefault, "storytellers", "Normal Created", "Namespace agency-storytellers", "ResourceQuota agency-storytellers/")
	wantTold(t, "AgencyPortal", ns, "tale", "Normal Created", "NetworkPolicy agency-storytellers/tale", "Deployment agency-storytellers/tale", "Service agency-storytellers/tale")
	wantTold(t, "AgencyPortal", ns, "tale", "Normal Ready", "Ready")

	// Somebody whom no admission policy holds opens the portal, and removes its Deployment.
	var policies networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &policies, client.InNamespace(ns), client.MatchingLabels{names.LabelPortal: "tale"}); err != nil || len(policies.Items) == 0 {
		t.Fatal(err)
	}
	key := client.ObjectKeyFromObject(&policies.Items[0])
	for times := range 2 {
		var opened networkingv1.NetworkPolicy
		if err := env.Admin.Get(t.Context(), key, &opened); err != nil {
			t.Fatal(err)
		}
		opened.Spec.Egress = append(opened.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
		if err := env.Admin.Update(t.Context(), &opened, client.FieldOwner("kubectl-edit")); err != nil {
			t.Fatal(err)
		}
		wantTold(t, "AgencyPortal", ns, "tale", "Warning Repaired", "NetworkPolicy agency-storytellers/"+key.Name, `"kubectl-edit" (spec.egress)`)
		// Each time is told, although nothing else has changed about the portal.
		harness.Eventually(t, func() error {
			n := 0
			for _, e := range told(t, "AgencyPortal", ns, "tale") {
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
	wantTold(t, "AgencyPortal", ns, "tale", "Warning Restored", "Deployment agency-storytellers/tale")

	// What the portal's own edit changes was changed by nobody else.
	if err := env.Admin.Patch(t.Context(), portal, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":{"min":3}}}`))); err != nil {
		t.Fatal(err)
	}
	wantTold(t, "AgencyPortal", ns, "tale", "Normal Changed", "Deployment agency-storytellers/tale")

	// A violator.
	policy := harness.Policy("story-digests", "storytellers")
	policy.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.story.example.gov.vn"}}
	policy.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 10, Links: 10}
	env.Create(t, policy)
	wantTold(t, "AgencyPortal", ns, "tale", "Warning", "images.allowedRegistries")

	op.WaitQuiet(t, 3*time.Second)
	before := told(t, "AgencyPortal", ns, "tale")
	op.WaitQuiet(t, 3*time.Second)
	if after := told(t, "AgencyPortal", ns, "tale"); !slices.Equal(before, after) {
		t.Errorf("nothing happened, and it was told:\n%s", strings.Join(after, "\n"))
	}
	t.Logf("the story:\n%s", strings.Join(before, "\n"))
}
