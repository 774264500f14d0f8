package threats

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const byVetoPolicy = "govplatform-sharing-veto"

// decisionsOf is the record of a link, one line a decision.
func decisionsOf(t *testing.T, l *v1alpha1.DataSharingLink) []string {
	t.Helper()
	var out []string
	for _, d := range harness.Stored(t, env, l).Status.Decisions {
		out = append(out, d.Decision+" "+d.Approver)
	}
	return out
}

// TestThreat38_ChangesOfAdminsVoidNoVeto: a rejection outlives its author's
// rights, and a new administrator lifts it in the own name or not at all.
func TestThreat38_ChangesOfAdminsVoidNoVeto(t *testing.T) {
	operate(t)
	s := newShared(t, "t38y")
	s.approve(t)
	carol := as(t, "carol-t38y", s.provider+"-admins", "system:authenticated")
	veto := approvalBy(&s, s.provider, "carol-t38y", "veto")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionReject, "Không cần"
	if err := carol.Create(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 0)

	env.Merge(t, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}, `{"spec":{"adminGroups":["newcomers"]}}`)
	adminsAre(t, s.provider, "newcomers")
	mallory := as(t, "mallory-t38y", "newcomers", "system:authenticated")
	harness.Eventually(t, func() error { // The agency's bindings.
		return mallory.List(t.Context(), &v1alpha1.DataSharingApprovalList{}, client.InNamespace(names.Namespace(s.provider)))
	})
	refused(t, "delete another's rejection", mallory.Delete(t.Context(), veto.DeepCopy()), byVetoPolicy)
	refused(t, "delete all that is there", mallory.DeleteAllOf(t.Context(), &v1alpha1.DataSharingApproval{}, client.InNamespace(names.Namespace(s.provider)), client.MatchingFields{"metadata.name": veto.Name}), byVetoPolicy)
	orphan := `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"00000000-0000-0000-0000-000000000000"}]}}`
	if err := mallory.Patch(t.Context(), veto.DeepCopy(), harness.MergePatch(orphan)); err != nil {
		t.Fatal(err)
	}
	never(t, 5*time.Second, func() error {
		if n := len(pairOf(t, s.link)); n > 0 {
			return fmt.Errorf("the link has %d policies although the rejection was not lifted", n)
		}
		return env.Admin.Get(t.Context(), client.ObjectKeyFromObject(veto), &v1alpha1.DataSharingApproval{})
	})

	if err := mallory.Patch(t.Context(), veto.DeepCopy(), harness.MergePatch(`{"metadata":{"ownerReferences":null},"spec":{"approver":"mallory-t38y"}}`)); err != nil {
		t.Fatal(err)
	}
	want := []string{"Approve " + harness.AdminUser, "Reject carol-t38y", "Reject mallory-t38y"}
	onRecord := func() error {
		if got := decisionsOf(t, s.link); !slices.Equal(got, want) {
			return fmt.Errorf("record %v, want %v", got, want)
		}
		return nil
	}
	harness.Eventually(t, onRecord)
	staysShut(t, s.link)
	if err := mallory.Delete(t.Context(), veto.DeepCopy()); err != nil {
		t.Fatalf("who decided lifts the own decision: %v", err)
	}
	want = append(want, "Revoked mallory-t38y")
	harness.Eventually(t, onRecord)
}

// TestVetoesGoWithTheirNamespace: a decision keeps no namespace that is to go.
func TestVetoesGoWithTheirNamespace(t *testing.T) {
	operate(t)
	a := newAgency(t, "t38n", code("t38n", 1), func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	if err := env.Admin.Create(t.Context(), approvalOfNothing("t38n")); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, a)
	env.WaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace("t38n")}})
}
