package desired

import (
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestAuthorityThatIsNot: approvals in a namespace that no authority has approve
// nothing, and what an earlier authority stopped stays stopped under another name in
// the settings.
// Fails when approvals are found by the name of the namespace alone.
func TestAuthorityThatIsNot(t *testing.T) {
	authority := "agency-" + linkInput().Settings.AuthorityAgency
	personal := func(in *LinkInput) {
		in.Service.Spec.Classification = v1alpha1.ClassificationPersonal
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	}
	was := func(namespace string, side v1alpha1.LinkSide) func(*LinkInput) {
		return func(in *LinkInput) {
			in.Link.Status.Decisions = append(in.Link.Status.Decisions, v1alpha1.LinkDecision{Side: side, Decision: "Suspend", Namespace: namespace})
		}
	}
	for name, tt := range map[string]struct {
		modify   []func(*LinkInput)
		absent   bool
		decision v1alpha1.Decision
		by       string
		want     bool
	}{
		"the authority approves":                      {[]func(*LinkInput){personal}, false, v1alpha1.DecisionApprove, authority, true},
		"nobody is the authority, and somebody does":  {[]func(*LinkInput){personal}, true, v1alpha1.DecisionApprove, authority, false},
		"nobody is the authority, and somebody stops": {nil, true, v1alpha1.DecisionSuspend, authority, false},
		"an earlier authority stopped":                {[]func(*LinkInput){was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionSuspend, "agency-former", false},
		"an earlier authority rejected":               {[]func(*LinkInput){was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionReject, "agency-former", false},
		"somebody else who never was it":              {[]func(*LinkInput){was("agency-former", v1alpha1.SideProvider)}, false, v1alpha1.DecisionSuspend, "agency-former", true},
		"an earlier authority approves":               {[]func(*LinkInput){personal, was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionApprove, "agency-former", false},
	} {
		in := approvedLink(tt.modify...)
		in.AuthorityAbsent = tt.absent
		decided(&in, tt.by, tt.decision)
		if got := DataSharingLink(in).Open; got != tt.want {
			t.Errorf("%s: open %t", name, got)
		}
	}
}
