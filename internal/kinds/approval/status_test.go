package approval

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/settings"
)

func TestStatus(t *testing.T) {
	hash, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	link := func(hash string) *v1alpha1.DataSharingLink {
		return &v1alpha1.DataSharingLink{Status: v1alpha1.DataSharingLinkStatus{SpecHash: hash}}
	}
	moving := func(reason string) kindtest.Summary {
		return kindtest.Summary{Conditions: map[string]string{"Bound": "False " + reason, "Ready": "False " + reason, "Reconciling": "True " + reason}, Kstatus: kstatus.InProgressStatus}
	}
	dead := func(reason string) kindtest.Summary {
		return kindtest.Summary{Conditions: map[string]string{"Bound": "False " + reason, "Ready": "False " + reason, "Stalled": "True " + reason}, Kstatus: kstatus.FailedStatus}
	}
	bound := kindtest.Summary{Conditions: map[string]string{"Bound": "True Bound", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}
	tests := []struct {
		name     string
		decision v1alpha1.Decision
		link     *v1alpha1.DataSharingLink
		side     v1alpha1.LinkSide
		want     kindtest.Summary
	}{
		{"bound", v1alpha1.DecisionApprove, link(hash), v1alpha1.SideProvider, bound},
		{"a rejection", v1alpha1.DecisionReject, link(hash), v1alpha1.SideProvider, bound},
		{"a suspension of whatever scope", v1alpha1.DecisionSuspend, link(other), v1alpha1.SideProvider, bound},
		{"a suspension without a scope", v1alpha1.DecisionSuspend, link(""), v1alpha1.SideProvider, bound},
		{"no link", v1alpha1.DecisionApprove, nil, "", moving(v1alpha1.ReasonLinkNotFound)},
		{"nobody's business", v1alpha1.DecisionApprove, link(hash), "", dead(v1alpha1.ReasonNotEntitled)},
		{"nobody's suspension", v1alpha1.DecisionSuspend, link(hash), "", dead(v1alpha1.ReasonNotEntitled)},
		{"no scope yet", v1alpha1.DecisionApprove, link(""), v1alpha1.SideProvider, moving(v1alpha1.ReasonPending)},
		{"another scope", v1alpha1.DecisionApprove, link(other), v1alpha1.SideProvider, dead(v1alpha1.ReasonApprovalStale)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Generation: kindtest.Generation}, Spec: v1alpha1.DataSharingApprovalSpec{Decision: tt.decision, SpecHash: hash}}
			in := Input{Settings: settings.Default(), Approval: a, Link: tt.link, Side: tt.side}
			SetStatus(in, Decide(in))
			kindtest.AssertStatus(t, a, tt.want)
		})
	}
}

// TestEarlierAuthority: what an earlier authority stopped is told as what it is, with
// who lifts it; nobody is told to delete it, or that the present authority opens it.
// Fails when only the provider and the present authority are entitled.
func TestEarlierAuthority(t *testing.T) {
	hash, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	lift := []string{`only agency "former" lifts it`, "kubectl -n agency-former delete datasharingapproval halt", "sets spec.approver to the own name before"}
	for name, tt := range map[string]struct {
		decision v1alpha1.Decision
		link     *v1alpha1.DataSharingLink
		reason   string
	}{
		"suspended":              {v1alpha1.DecisionSuspend, &v1alpha1.DataSharingLink{Status: v1alpha1.DataSharingLinkStatus{SpecHash: other}}, v1alpha1.ReasonBound},
		"rejected":               {v1alpha1.DecisionReject, &v1alpha1.DataSharingLink{Status: v1alpha1.DataSharingLinkStatus{SpecHash: hash}}, v1alpha1.ReasonBound},
		"rejected another scope": {v1alpha1.DecisionReject, &v1alpha1.DataSharingLink{Status: v1alpha1.DataSharingLinkStatus{SpecHash: other}}, v1alpha1.ReasonApprovalStale},
		"rejected, no scope":     {v1alpha1.DecisionReject, &v1alpha1.DataSharingLink{}, v1alpha1.ReasonPending},
		"suspended, no link":     {v1alpha1.DecisionSuspend, nil, v1alpha1.ReasonLinkNotFound},
	} {
		a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-former", Name: "halt"}, Spec: v1alpha1.DataSharingApprovalSpec{Decision: tt.decision, SpecHash: hash}}
		in := Input{Settings: settings.Default(), Approval: a, Link: tt.link, Side: v1alpha1.SideAuthority}
		SetStatus(in, Decide(in))
		c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionBound)
		if a.Status.Side != v1alpha1.SideAuthority || c.Reason != tt.reason {
			t.Errorf("%s: side %q, %s", name, a.Status.Side, c.Reason)
		}
		kindtest.AssertMessage(t, a, v1alpha1.ConditionBound, append(lift, `was the authority, and stands although that is "mic" now`)...)
	}
}
