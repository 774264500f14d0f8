package threats

import (
	"context"
	"strings"
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

// operateFor starts the operator with another agency as the authority.
func operateFor(t *testing.T, authority string) {
	t.Helper()
	stopOperator(t)
	s := settings.Default()
	s.AuthorityAgency = authority
	op, err := env.StartOperator(t.Context(), harness.OperatorOptions{Settings: &s})
	if err != nil {
		t.Fatal(err)
	}
	running = op
	op.WaitQuiet(t, 2*time.Second)
}

// TestThreat28_AuthorityRenamed: a typo in the setting authorityAgency, or a real
// change of it, opens nothing that the authority suspended: not the link, not one of
// its name that is made anew, not by an approval of the present authority, and not with
// the agency that was the authority. Its own officers lift it.
// Fails when the present authority's decisions alone are read; when the link's record
// alone keeps who the authority was; when the earlier one counts as not entitled.
func TestThreat28_AuthorityRenamed(t *testing.T) {
	operate(t)
	t.Cleanup(func() { stopOperator(t) })
	s := newShared(t, "t28u")
	s.approve(t)
	old := newAgency(t, "t28uold", code("t28u", 3), func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	newAgency(t, "t28unew", code("t28u", 4))
	operateFor(t, old.Name)
	carol := as(t, "carol-t28u", old.Name+"-admins", "system:authenticated")
	veto := approvalBy(&s, old.Name, "carol-t28u", "t28u-halt")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionSuspend, "Vi phạm"
	harness.Eventually(t, func() error { return carol.Create(t.Context(), veto.DeepCopy()) })
	harness.Stored(t, env, veto)
	waitPair(t, s.link, 0)
	env.WaitCondition(t, veto, v1alpha1.ConditionBound, metav1.ConditionTrue, v1alpha1.ReasonBound)

	operateFor(t, "t28utypo")
	staysShut(t, s.link)
	operateFor(t, "t28unew")
	env.Create(t, approvalBy(&s, "t28unew", harness.AuthorityUser, "t28u-present"))
	staysShut(t, s.link)
	vetoStands(t, &s, veto)

	s.askAgain(t)
	staysShut(t, s.link)
	vetoStands(t, &s, veto)

	const team = "t28u-team"
	env.Create(t, harness.Everywhere(team, "govplatform-platform-team", team))
	platformTeam := as(t, team, "system:authenticated")
	env.WaitCondition(t, old, v1alpha1.ConditionAuthority, metav1.ConditionTrue, v1alpha1.ReasonEarlierAuthority)
	harness.Eventually(t, func() error {
		return platformTeam.Get(t.Context(), client.ObjectKeyFromObject(old), &v1alpha1.Agency{})
	})
	refused(t, "delete the agency with its vetoes", platformTeam.Delete(t.Context(), old.DeepCopy()), "govplatform-agency-deletion")
	if err := env.Admin.Delete(t.Context(), old.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, old, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
	staysShut(t, s.link)

	if err := carol.Delete(t.Context(), veto.DeepCopy()); err != nil {
		t.Fatalf("who gave it lifts it: %v", err)
	}
	waitPair(t, s.link, 2)
	env.WaitGone(t, old)
}

// askAgain deletes the link and makes it anew as it was, and the provider approves.
func (s *shared) askAgain(t *testing.T) {
	t.Helper()
	again := harness.Link(s.consumer, s.link.Name, "asks", s.provider, "data", func(l *v1alpha1.DataSharingLink) { l.Spec = *s.link.Spec.DeepCopy() })
	approval := harness.Approval(s.provider, s.link, v1alpha1.DecisionApprove)
	for _, o := range []client.Object{s.link, approval} {
		if err := env.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		env.WaitGone(t, o)
	}
	s.link = again
	env.Create(t, again)
	s.waitScope(t)
	env.Create(t, harness.Approval(s.provider, s.link, v1alpha1.DecisionApprove))
	env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionTrue, "")
}

// vetoStands: the link, its record and the veto of an earlier authority say so.
func vetoStands(t *testing.T, s *shared, veto *v1alpha1.DataSharingApproval) {
	t.Helper()
	env.WaitCondition(t, s.link, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	env.WaitCondition(t, veto, v1alpha1.ConditionBound, metav1.ConditionTrue, v1alpha1.ReasonBound)
	for _, c := range []metav1.Condition{conditionOf(s.link, v1alpha1.ConditionAuthorityApproved), conditionOf(veto, v1alpha1.ConditionBound)} {
		if !strings.Contains(c.Message, "kubectl -n "+veto.Namespace+" delete datasharingapproval "+veto.Name) || !strings.Contains(c.Message, "was the authority") {
			t.Errorf("%s does not say who lifts it: %s", c.Type, c.Message)
		}
	}
	last := ""
	for _, d := range harness.Stored(t, env, s.link).Status.Decisions {
		if d.UID == veto.UID {
			last = string(d.Side) + " " + d.Decision
		}
	}
	if last != "Authority Suspend" {
		t.Errorf("the record of the link ends with %q", last)
	}
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
