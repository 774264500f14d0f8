package threats

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

const approvalsCount corev1.ResourceName = "count/datasharingapprovals.platform.gov.vn"

// hardOf returns the bounds of an agency's quota as they are stored.
func hardOf(t *testing.T, agency string) corev1.ResourceList {
	t.Helper()
	return harness.Stored(t, env, &corev1.ResourceQuota{ObjectMeta: in(agency, agencykind.QuotaName)}).Spec.Hard
}

func approvals(n int32) func(*v1alpha1.Agency) {
	return func(a *v1alpha1.Agency) { a.Spec.Quota.Approvals = ptr.To(n) }
}

// TestFullQuotaNeverKeepsFromClosing: a colleague fills the provider's quota of
// approvals. Nobody makes another decision then; whoever approved closes with the
// approval that stands, by a change and by its deletion, and a colleague does.
// Fails when the schema takes a quota of 0, and with an admission policy that
// counts changes.
func TestFullQuotaNeverKeepsFromClosing(t *testing.T) {
	operate(t)
	s := newShared(t, "q7")
	provider := harness.Agency(s.provider, "")
	err := team(t, "pt-q7").Patch(t.Context(), provider, harness.MergePatch(`{"spec":{"quota":{"approvals":0}}}`))
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.quota.approvals") {
		t.Errorf("a quota of no approvals: %v", err)
	}
	env.Merge(t, provider, `{"spec":{"quota":{"approvals":50}}}`)
	harness.Eventually(t, func() error {
		if n := hardOf(t, s.provider)[approvalsCount]; n.Value() != 50 {
			return fmt.Errorf("the quota has %v approvals", n)
		}
		return nil
	})
	admin := mallory(t, s.provider)
	approve := approvalBy(&s, s.provider, malloryOf(s.provider), "approve")
	if err := admin.Create(t.Context(), approve); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 2)
	for i := range 60 {
		a := approvalBy(&s, s.provider, malloryOf(s.provider), fmt.Sprintf("fill%d", i))
		a.Spec.LinkRef.Name = "other"
		if err = admin.Create(t.Context(), a); err != nil {
			break
		}
	}
	refused(t, "the approval beyond the quota", err, "exceeded quota")

	carol := as(t, "carol-q7", s.provider+"-admins", "system:authenticated")
	if err := carol.Patch(t.Context(), approve.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Suspend","reason":"Vi phạm","approver":"carol-q7"}}`)); err != nil {
		t.Fatalf("a colleague suspends in place of the approval: %v", err)
	}
	waitPair(t, s.link, 0)
	if err := carol.Patch(t.Context(), approve.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Approve","approver":"carol-q7"}}`)); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 2)
	if err := admin.Delete(t.Context(), approve.DeepCopy()); err != nil {
		t.Fatalf("the approval is taken back: %v", err)
	}
	waitPair(t, s.link, 0)
}

// TestAuthorityApprovesWithoutBound: the authority suspends any link of the
// country, so nothing counts its decisions, whatever its quota says.
// Fails when the bound of the other agencies is the authority's too.
func TestAuthorityApprovesWithoutBound(t *testing.T) {
	operate(t)
	authority := settings.Default().AuthorityAgency
	newAgency(t, authority, code("Q7MIC", 1), approvals(50))
	hard := hardOf(t, authority)
	_, approvals := hard[approvalsCount]
	_, links := hard["count/datasharinglinks.platform.gov.vn"]
	if approvals || !links {
		t.Errorf("the authority's quota is %v, want links bounded and approvals not", hard)
	}
}

// TestStoredQuotaBelowTheFloor: an agency from before has quota.approvals 0. It
// can be edited, its quota lets decide, and it says what the figure counts as.
// Fails when the stored figure is taken as it is: the decision is refused.
func TestStoredQuotaBelowTheFloor(t *testing.T) {
	stopOperator(t)
	minimum := func(n int64) {
		crd := &unstructured.Unstructured{}
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		crd.SetName("agencies.platform.gov.vn")
		patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/quota/properties/approvals/minimum","value":%d}]`, n)
		if err := env.Admin.Patch(context.Background(), crd, client.RawPatch("application/json-patch+json", []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	minimum(0)
	t.Cleanup(func() { minimum(agencykind.LeastApprovals) })
	a := harness.Agency("q7old", "", code("Q7OLD", 1), approvals(0))
	env.WaitGone(t, a.DeepCopy())
	harness.Eventually(t, func() error { return env.Admin.Create(t.Context(), a.DeepCopy(), client.DryRunAll) })
	env.Create(t, a)
	minimum(agencykind.LeastApprovals)
	harness.Eventually(t, func() error {
		if err := env.Admin.Create(t.Context(), harness.Agency("q7new", "", code("Q7NEW", 1), approvals(0)), client.DryRunAll); err == nil {
			return fmt.Errorf("the old schema is served")
		}
		return nil
	})
	operate(t)
	env.WaitReady(t, a)
	if n := hardOf(t, "q7old")[approvalsCount]; n.Value() != agencykind.LeastApprovals {
		t.Errorf("the quota has %v approvals, want %d", n, agencykind.LeastApprovals)
	}
	if m := conditionOf(a, v1alpha1.ConditionNamespaceReady).Message; !strings.Contains(m, "spec.quota.approvals is 0 and counts as 50") {
		t.Errorf("the agency says %q", m)
	}
	if err := team(t, "pt-q7old").Patch(t.Context(), a, harness.MergePatch(`{"spec":{"displayName":"Tên khác"}}`)); err != nil {
		t.Errorf("the agency can't be edited any more: %v", err)
	}
}
