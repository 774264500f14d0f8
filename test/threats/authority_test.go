package threats

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat28_AuthorityRenamed: a typo in the setting authorityAgency, or a real
// change of it, opens nothing that the authority suspended.
// Fails when the present authority's decisions alone are read.
func TestThreat28_AuthorityRenamed(t *testing.T) {
	operate(t)
	s := newShared(t, "t28u")
	s.approve(t)
	authority := settings.Default().AuthorityAgency
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: authority}, &v1alpha1.Agency{}); err != nil {
		newAuthority(t, "t28u")
	}
	veto := approvalBy(&s, authority, harness.AuthorityUser, "t28u-halt")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionSuspend, "Vi phạm"
	env.Create(t, veto)
	waitPair(t, s.link, 0)
	stopOperator(t)
	typo := settings.Default()
	typo.AuthorityAgency = "t28u-typo"
	op, err := env.StartOperator(t.Context(), harness.OperatorOptions{Settings: &typo})
	if err != nil {
		t.Fatal(err)
	}
	running = op
	t.Cleanup(func() { stopOperator(t) })
	op.WaitQuiet(t, 2*time.Second)
	staysShut(t, s.link)
	if err := env.Admin.Delete(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 2)
}

// TestThreat28_ApprovalOfNobody: before there is a coordinating authority, somebody
// makes the namespace that would be its own and approves there.
// Fails when approvals count by the name of their namespace.
func TestThreat28_ApprovalOfNobody(t *testing.T) {
	operate(t)
	s := newShared(t, "t28v")
	authority := settings.Default().AuthorityAgency
	env.WaitGone(t, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: authority}})
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(authority)}}
	harness.Eventually(t, func() error { return env.Admin.Create(t.Context(), ns.DeepCopy()) })
	t.Cleanup(func() { _ = env.Admin.Delete(context.WithoutCancel(t.Context()), ns) })
	env.Create(t, harness.Policy("authority-t28v", s.provider, func(p *v1alpha1.SecurityPolicy) {
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{RequireAuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationInternal}}
	}))
	env.WaitCondition(t, s.link, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	env.Create(t, harness.Approval(s.provider, s.link, v1alpha1.DecisionApprove))
	env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionTrue, "")
	env.Create(t, approvalBy(&s, authority, harness.AuthorityUser, "nobodys"))
	staysShut(t, s.link)
	env.WaitCondition(t, s.link, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
}
