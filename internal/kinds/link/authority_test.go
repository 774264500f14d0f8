package link

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestAuthorityThatIsNot: approvals in a namespace that no authority has approve
// nothing, and what an earlier authority stopped stays stopped under another name in
// the settings.
// Fails when approvals are found by the name of the namespace alone.
func TestAuthorityThatIsNot(t *testing.T) {
	authority := "agency-" + linkInput().Settings.AuthorityAgency
	personal := func(in *Input) {
		in.Service.Spec.Classification = v1alpha1.ClassificationPersonal
		in.Policies[0].Spec.DataSharing.RequireAuthorityApprovalFor = []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}
	}
	of := func(uid types.UID, side v1alpha1.LinkSide) func(*v1alpha1.DataSharingApproval) {
		return func(a *v1alpha1.DataSharingApproval) { a.UID, a.Status.Side = uid, side }
	}
	anew := func(in *Input) { in.Link.UID, in.Link.Status = "anew", v1alpha1.DataSharingLinkStatus{} }
	entry := func(uid types.UID, decision v1alpha1.Decision) func(*Input) {
		return func(in *Input) {
			in.Link.Status.Decisions = append(in.Link.Status.Decisions, v1alpha1.LinkDecision{Side: v1alpha1.SideAuthority, Decision: string(decision), Namespace: "agency-former", UID: uid})
		}
	}
	was := func(namespace string, side v1alpha1.LinkSide) func(*Input) {
		return func(in *Input) {
			in.Link.Status.Decisions = append(in.Link.Status.Decisions, v1alpha1.LinkDecision{Side: side, Decision: "Suspend", Namespace: namespace})
		}
	}
	for name, tt := range map[string]struct {
		modify   []func(*Input)
		absent   bool
		decision v1alpha1.Decision
		by       string
		want     bool
	}{
		"the authority approves":                      {[]func(*Input){personal}, false, v1alpha1.DecisionApprove, authority, true},
		"nobody is the authority, and somebody does":  {[]func(*Input){personal}, true, v1alpha1.DecisionApprove, authority, false},
		"nobody is the authority, and somebody stops": {nil, true, v1alpha1.DecisionSuspend, authority, false},
		"an earlier authority stopped":                {[]func(*Input){was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionSuspend, "agency-former", false},
		"an earlier authority rejected":               {[]func(*Input){was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionReject, "agency-former", false},
		"somebody else who never was it":              {[]func(*Input){was("agency-former", v1alpha1.SideProvider)}, false, v1alpha1.DecisionSuspend, "agency-former", true},
		"an earlier authority approves":               {[]func(*Input){personal, was("agency-former", v1alpha1.SideAuthority)}, false, v1alpha1.DecisionApprove, "agency-former", false},
	} {
		in := approvedLink(tt.modify...)
		in.AuthorityAbsent = tt.absent
		addDecision(&in, tt.by, tt.decision)
		if got := Decide(in).Open; got != tt.want {
			t.Errorf("%s: open %t", name, got)
		}
	}
	for name, tt := range map[string]struct {
		modify   []func(*Input)
		decision v1alpha1.Decision
		is       func(*v1alpha1.DataSharingApproval)
		want     bool
	}{
		"a link made anew, suspended by an earlier authority":   {[]func(*Input){anew}, v1alpha1.DecisionSuspend, of("1", v1alpha1.SideAuthority), false},
		"a link made anew, rejected":                            {[]func(*Input){anew}, v1alpha1.DecisionReject, of("1", v1alpha1.SideAuthority), false},
		"a link made anew, suspended by nobody":                 {[]func(*Input){anew}, v1alpha1.DecisionSuspend, of("1", ""), true},
		"a link made anew, suspended by a provider of another":  {[]func(*Input){anew}, v1alpha1.DecisionSuspend, of("1", v1alpha1.SideProvider), true},
		"an approval by the earlier authority":                  {[]func(*Input){personal}, v1alpha1.DecisionApprove, of("1", v1alpha1.SideAuthority), false},
		"pushed off the record":                                 {[]func(*Input){entry("2", v1alpha1.DecisionReject)}, v1alpha1.DecisionSuspend, of("1", v1alpha1.SideAuthority), false},
		"on the record alone":                                   {[]func(*Input){entry("1", v1alpha1.DecisionSuspend)}, v1alpha1.DecisionSuspend, of("1", ""), false},
		"taken for deleted by the record":                       {[]func(*Input){entry("1", v1alpha1.DecisionSuspend), entry("1", v1alpha1.DecisionRevoked)}, v1alpha1.DecisionSuspend, of("1", ""), false},
		"made by the former authority when it was it no more":   {[]func(*Input){entry("2", v1alpha1.DecisionSuspend)}, v1alpha1.DecisionSuspend, of("1", ""), true},
		"an old approval that it turned into a suspension then": {[]func(*Input){entry("1", v1alpha1.DecisionApprove)}, v1alpha1.DecisionSuspend, of("1", ""), true},
	} {
		in := linkInput(tt.modify...)
		addDecision(&in, "agency-giver", v1alpha1.DecisionApprove)
		addDecision(&in, "agency-former", tt.decision)
		tt.is(&in.Approvals[1])
		if got := Decide(in).Open; got != tt.want {
			t.Errorf("%s: open %t", name, got)
		}
	}
}

// TestApprovalSide: the authority's side is kept while a decision closes, whoever is
// the authority, and for a link that is not there.
func TestApprovalSide(t *testing.T) {
	s := linkInput().Settings
	there := linkInput().Link
	for name, tt := range map[string]struct {
		namespace string
		decision  v1alpha1.Decision
		side      v1alpha1.LinkSide
		link      *v1alpha1.DataSharingLink
		want      v1alpha1.LinkSide
	}{
		"the authority's, without a link":    {"agency-" + s.AuthorityAgency, v1alpha1.DecisionApprove, "", nil, v1alpha1.SideAuthority},
		"the provider's":                     {"agency-giver", v1alpha1.DecisionSuspend, "", there, v1alpha1.SideProvider},
		"the provider's, without a link":     {"agency-giver", v1alpha1.DecisionSuspend, v1alpha1.SideProvider, nil, ""},
		"the provider that was authority":    {"agency-giver", v1alpha1.DecisionSuspend, v1alpha1.SideAuthority, there, v1alpha1.SideAuthority},
		"an earlier authority suspended":     {"agency-former", v1alpha1.DecisionSuspend, v1alpha1.SideAuthority, there, v1alpha1.SideAuthority},
		"an earlier authority, without link": {"agency-former", v1alpha1.DecisionReject, v1alpha1.SideAuthority, nil, v1alpha1.SideAuthority},
		"an earlier authority approved":      {"agency-former", v1alpha1.DecisionApprove, v1alpha1.SideAuthority, there, ""},
		"nobody's":                           {"agency-former", v1alpha1.DecisionSuspend, "", there, ""},
	} {
		a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: tt.namespace, UID: "1"}, Spec: v1alpha1.DataSharingApprovalSpec{Decision: tt.decision}, Status: v1alpha1.DataSharingApprovalStatus{Side: tt.side}}
		if got := ApprovalSide(a, tt.link, s); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
