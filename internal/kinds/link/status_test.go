package link

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

func openLink(modify ...func(*Output)) Output {
	out := Output{Hash: "sha256:1", Open: true, Provider: Verdict{Approved: true, Reason: v1alpha1.ReasonApproved, By: "agency-b/ok"},
		Authority: Verdict{Reason: v1alpha1.ReasonApprovalMissing}}
	for _, f := range modify {
		f(&out)
	}
	return out
}

func shut(out *Output) { out.Open = false }

func TestDataSharingLink(t *testing.T) {
	type conditions = map[string]string
	good := func(with conditions) conditions {
		out := conditions{"ReferencesResolved": "True Resolved", "ProviderApproved": "True Approved", "AuthorityApproved": "True NotRequired", "WithinValidity": "True Valid", "PolicyPaired": "True Paired"}
		for k, v := range with {
			out[k] = v
		}
		return out
	}
	provider := func(reason string) func(*Output) {
		return func(out *Output) {
			out.Open, out.Provider = false, Verdict{Reason: reason, By: "agency-b/no", Words: "vì lý do"}
		}
	}
	authority := func(reason string, required bool) func(*Output) {
		return func(out *Output) {
			out.Open, out.AuthorityRequired, out.Authority = false, required, Verdict{Reason: reason, By: "agency-mic/no", Words: "vì lý do"}
		}
	}
	reference := func(class object.BlockerClass, reason string) func(*Output) {
		return func(out *Output) {
			out.Open, out.Hash = false, ""
			out.References = []object.Blocker{{Class: class, Reason: reason, Message: "spec.x: so."}}
			out.Provider = Verdict{Reason: v1alpha1.ReasonApprovalMissing}
		}
	}
	validity := func(reason string) func(*Output) {
		return func(out *Output) {
			out.Open, out.Validity = false, &object.Blocker{Class: object.Terminal, Reason: reason, Message: "spec.validUntil: so."}
		}
	}
	foreign := child.Result{Conflicts: []child.Conflict{{Kind: "NetworkPolicy", Namespace: "agency-b", Name: "link-x"}}}
	unread := &child.Failure{Kind: "Role", Namespace: "agency-a", Name: "link-x", Doing: "apply", Err: errors.New("timeout")}
	withdrawn := "False Withdrawn"
	tests := []struct {
		name  string
		out   Output
		res   child.Result
		err   error
		phase string
		want  kindtest.Summary
		says  []string
	}{
		{"open", openLink(), child.Result{}, nil, "Open", kindtest.Summary{Conditions: good(conditions{"Ready": "True Ready"}), Kstatus: kstatus.CurrentStatus}, nil},
		{"requested", openLink(provider(v1alpha1.ReasonApprovalMissing)), child.Result{}, nil, "Requested",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False ApprovalMissing", "PolicyPaired": withdrawn, "Ready": "False ApprovalMissing", "Reconciling": "True ApprovalMissing"}), Kstatus: kstatus.InProgressStatus},
			[]string{"Nobody has approved scope sha256:1", `provider "b"`, "kubectl gov approve"}},
		{"stale", openLink(provider(v1alpha1.ReasonApprovalStale)), child.Result{}, nil, "Requested",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False ApprovalStale", "PolicyPaired": withdrawn, "Ready": "False ApprovalStale", "Reconciling": "True ApprovalStale"}), Kstatus: kstatus.InProgressStatus},
			[]string{"agency-b/no is for another scope than sha256:1"}},
		{"rejected", openLink(provider(v1alpha1.ReasonRejected)), child.Result{}, nil, "Rejected",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False Rejected", "PolicyPaired": withdrawn, "Ready": "False Rejected", "Stalled": "True Rejected"}), Kstatus: kstatus.FailedStatus},
			[]string{"Rejected by agency-b/no (\"vì lý do\")"}},
		{"suspended", openLink(provider(v1alpha1.ReasonLinkSuspended)), child.Result{}, nil, "Suspended",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), Kstatus: kstatus.InProgressStatus},
			[]string{"Suspended by agency-b/no (\"vì lý do\")"}},
		{"the authority must approve", openLink(authority(v1alpha1.ReasonApprovalMissing, true)), child.Result{}, nil, "Requested",
			kindtest.Summary{Conditions: good(conditions{"AuthorityApproved": "False ApprovalMissing", "PolicyPaired": withdrawn, "Ready": "False ApprovalMissing", "Reconciling": "True ApprovalMissing"}), Kstatus: kstatus.InProgressStatus},
			[]string{`the authority "mic"`}},
		{"the authority rejects without being asked", openLink(authority(v1alpha1.ReasonRejected, false)), child.Result{}, nil, "Rejected",
			kindtest.Summary{Conditions: good(conditions{"AuthorityApproved": "False Rejected", "PolicyPaired": withdrawn, "Ready": "False Rejected", "Stalled": "True Rejected"}), Kstatus: kstatus.FailedStatus}, nil},
		{"the authority suspends", openLink(authority(v1alpha1.ReasonLinkSuspended, false)), child.Result{}, nil, "Suspended",
			kindtest.Summary{Conditions: good(conditions{"AuthorityApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"suspended while its ends do not resolve", openLink(reference(object.Waiting, v1alpha1.ReasonServiceNotFound), provider(v1alpha1.ReasonLinkSuspended)), child.Result{}, nil, "Suspended",
			kindtest.Summary{Conditions: good(conditions{"ReferencesResolved": "False ServiceNotFound", "ProviderApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), Kstatus: kstatus.InProgressStatus},
			[]string{"Suspended by agency-b/no"}},
		{"expired and rejected", openLink(validity(v1alpha1.ReasonExpired), provider(v1alpha1.ReasonRejected)), child.Result{}, nil, "Expired",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False Rejected", "WithinValidity": "False Expired", "PolicyPaired": withdrawn, "Ready": "False Expired", "Stalled": "True Expired"}), Kstatus: kstatus.FailedStatus}, nil},
		{"waiting", openLink(reference(object.Waiting, v1alpha1.ReasonServiceNotFound)), child.Result{}, nil, "Waiting",
			kindtest.Summary{Conditions: good(conditions{"ReferencesResolved": "False ServiceNotFound", "ProviderApproved": "Unknown Pending", "PolicyPaired": withdrawn, "Ready": "False ServiceNotFound", "Reconciling": "True ServiceNotFound"}), Kstatus: kstatus.InProgressStatus},
			[]string{"spec.x: so."}},
		{"refused", openLink(reference(object.Terminal, v1alpha1.ReasonStateSecret)), child.Result{}, nil, "Refused",
			kindtest.Summary{Conditions: good(conditions{"ReferencesResolved": "False StateSecret", "ProviderApproved": "Unknown Pending", "PolicyPaired": withdrawn, "Ready": "False StateSecret", "Stalled": "True StateSecret"}), Kstatus: kstatus.FailedStatus}, nil},
		{"expired", openLink(validity(v1alpha1.ReasonExpired)), child.Result{}, nil, "Expired",
			kindtest.Summary{Conditions: good(conditions{"WithinValidity": "False Expired", "PolicyPaired": withdrawn, "Ready": "False Expired", "Stalled": "True Expired"}), Kstatus: kstatus.FailedStatus}, nil},
		{"too long", openLink(validity(v1alpha1.ReasonValidityTooLong)), child.Result{}, nil, "Refused",
			kindtest.Summary{Conditions: good(conditions{"WithinValidity": "False ValidityTooLong", "PolicyPaired": withdrawn, "Ready": "False ValidityTooLong", "Stalled": "True ValidityTooLong"}), Kstatus: kstatus.FailedStatus}, nil},
		{"foreign object", openLink(), foreign, nil, "Opening",
			kindtest.Summary{Conditions: good(conditions{"PolicyPaired": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}), Kstatus: kstatus.FailedStatus}, []string{"NetworkPolicy agency-b/link-x exists"}},
		{"write failed", openLink(), child.Result{}, errors.New("timeout"), "Opening",
			kindtest.Summary{Conditions: good(conditions{"PolicyPaired": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"nobody else may read it yet", openLink(), child.Result{Failures: []*child.Failure{unread}}, unread, "Open",
			kindtest.Summary{Conditions: good(conditions{"Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus}, []string{"A write to the API server failed (Role agency-a/link-x); the operator retries."}},
		{"who reads it is in the way", openLink(), child.Result{Conflicts: []child.Conflict{{Kind: "RoleBinding", Namespace: "agency-a", Name: "link-x"}}}, nil, "Open",
			kindtest.Summary{Conditions: good(conditions{"Ready": "False Conflict", "Stalled": "True Conflict"}), Kstatus: kstatus.FailedStatus}, []string{"RoleBinding agency-a/link-x exists"}},
		{"withdrawal failed", openLink(shut, provider(v1alpha1.ReasonLinkSuspended)), child.Result{}, errors.New("timeout"), "Suspended",
			kindtest.Summary{Conditions: good(conditions{"ProviderApproved": "False LinkSuspended", "PolicyPaired": "False ApplyFailed", "Ready": "False LinkSuspended"}), Kstatus: kstatus.InProgressStatus}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Settings: settings.Default(), Link: &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Name: "l", Namespace: "agency-a", Generation: kindtest.Generation},
				Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b", Service: "s"}, ValidUntil: metav1.NewTime(time.Unix(1800000000, 0))}}}
			SetStatus(in, tt.out, tt.res, tt.err)
			kindtest.AssertStatus(t, in.Link, tt.want)
			kindtest.AssertMessage(t, in.Link, v1alpha1.ConditionReady, tt.says...)
			if in.Link.Status.Phase != tt.phase || in.Link.Status.SpecHash != tt.out.Hash {
				t.Errorf("phase %q, hash %q", in.Link.Status.Phase, in.Link.Status.SpecHash)
			}
		})
	}
}

func TestDataSharingLinkDeleting(t *testing.T) {
	l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation}}
	SetDeleting(l, []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}})
	kindtest.AssertStatus(t, l, kindtest.Summary{Conditions: map[string]string{"Ready": "False Deleting", "Reconciling": "True Deleting"}, Kstatus: kstatus.InProgressStatus})
	if len(l.Status.Inventory) != 1 {
		t.Errorf("inventory %v", l.Status.Inventory)
	}
}

// TestLinkOfEarlierAuthority: the link that an earlier authority stopped tells the same.
func TestLinkOfEarlierAuthority(t *testing.T) {
	lift := []string{`only agency "former" lifts it`, "kubectl -n agency-former delete datasharingapproval halt", "sets spec.approver to the own name before"}
	for _, reason := range []string{v1alpha1.ReasonLinkSuspended, v1alpha1.ReasonRejected} {
		in := Input{Settings: settings.Default(), Link: &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b"}}}}
		out := openLink(shut)
		out.Authority = Verdict{Reason: reason, By: "agency-former/halt", Words: "vì lý do"}
		SetStatus(in, out, child.Result{}, nil)
		kindtest.AssertMessage(t, in.Link, v1alpha1.ConditionAuthorityApproved, append(lift, `by agency-former/halt ("vì lý do"), when agency "former" was the authority`, `the authority is "mic" now`)...)
		if c := meta.FindStatusCondition(in.Link.Status.Conditions, v1alpha1.ConditionAuthorityApproved); strings.Contains(c.Message, "opens again when") {
			t.Errorf("the present authority is sent to open it: %s", c.Message)
		}
	}
}
