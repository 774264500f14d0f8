package status

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

func openLink(modify ...func(*desired.LinkOutput)) desired.LinkOutput {
	out := desired.LinkOutput{Hash: "sha256:1", Open: true, Provider: policy.Verdict{Approved: true, Reason: v1alpha1.ReasonApproved, By: "agency-b/ok"},
		Authority: policy.Verdict{Reason: v1alpha1.ReasonApprovalMissing}}
	for _, f := range modify {
		f(&out)
	}
	return out
}

func shut(out *desired.LinkOutput) { out.Open = false }

func TestDataSharingLink(t *testing.T) {
	type conditions = map[string]string
	good := func(with conditions) conditions {
		out := conditions{"ReferencesResolved": "True Resolved", "ProviderApproved": "True Approved", "AuthorityApproved": "True NotRequired", "WithinValidity": "True Valid", "PolicyPaired": "True Paired"}
		for k, v := range with {
			out[k] = v
		}
		return out
	}
	provider := func(reason string) func(*desired.LinkOutput) {
		return func(out *desired.LinkOutput) {
			out.Open, out.Provider = false, policy.Verdict{Reason: reason, By: "agency-b/no", Words: "vì lý do"}
		}
	}
	authority := func(reason string, required bool) func(*desired.LinkOutput) {
		return func(out *desired.LinkOutput) {
			out.Open, out.AuthorityRequired, out.Authority = false, required, policy.Verdict{Reason: reason, By: "agency-mic/no", Words: "vì lý do"}
		}
	}
	reference := func(class desired.BlockerClass, reason string) func(*desired.LinkOutput) {
		return func(out *desired.LinkOutput) {
			out.Open, out.Hash = false, ""
			out.References = []desired.Blocker{{Class: class, Reason: reason, Message: "spec.x: so."}}
			out.Provider = policy.Verdict{Reason: v1alpha1.ReasonApprovalMissing}
		}
	}
	validity := func(reason string) func(*desired.LinkOutput) {
		return func(out *desired.LinkOutput) {
			out.Open, out.Validity = false, &desired.Blocker{Class: desired.Terminal, Reason: reason, Message: "spec.validUntil: so."}
		}
	}
	foreign := apply.Result{Conflicts: []apply.Conflict{{Kind: "NetworkPolicy", Namespace: "agency-b", Name: "link-x"}}}
	unread := &apply.Failure{Kind: "Role", Namespace: "agency-a", Name: "link-x", Doing: "apply", Err: errors.New("timeout")}
	withdrawn := "False Withdrawn"
	tests := []struct {
		name  string
		out   desired.LinkOutput
		res   apply.Result
		err   error
		phase string
		want  summary
		says  []string
	}{
		{"open", openLink(), apply.Result{}, nil, "Open", summary{good(conditions{"Ready": "True Ready"}), kstatus.CurrentStatus}, nil},
		{"requested", openLink(provider(v1alpha1.ReasonApprovalMissing)), apply.Result{}, nil, "Requested",
			summary{good(conditions{"ProviderApproved": "False ApprovalMissing", "PolicyPaired": withdrawn, "Ready": "False ApprovalMissing", "Reconciling": "True ApprovalMissing"}), kstatus.InProgressStatus},
			[]string{"Nobody has approved scope sha256:1", `provider "b"`, "kubectl gov approve"}},
		{"stale", openLink(provider(v1alpha1.ReasonApprovalStale)), apply.Result{}, nil, "Requested",
			summary{good(conditions{"ProviderApproved": "False ApprovalStale", "PolicyPaired": withdrawn, "Ready": "False ApprovalStale", "Reconciling": "True ApprovalStale"}), kstatus.InProgressStatus},
			[]string{"agency-b/no is for another scope than sha256:1"}},
		{"rejected", openLink(provider(v1alpha1.ReasonRejected)), apply.Result{}, nil, "Rejected",
			summary{good(conditions{"ProviderApproved": "False Rejected", "PolicyPaired": withdrawn, "Ready": "False Rejected", "Stalled": "True Rejected"}), kstatus.FailedStatus},
			[]string{"Rejected by agency-b/no (\"vì lý do\")"}},
		{"suspended", openLink(provider(v1alpha1.ReasonLinkSuspended)), apply.Result{}, nil, "Suspended",
			summary{good(conditions{"ProviderApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), kstatus.InProgressStatus},
			[]string{"Suspended by agency-b/no (\"vì lý do\")"}},
		{"the authority must approve", openLink(authority(v1alpha1.ReasonApprovalMissing, true)), apply.Result{}, nil, "Requested",
			summary{good(conditions{"AuthorityApproved": "False ApprovalMissing", "PolicyPaired": withdrawn, "Ready": "False ApprovalMissing", "Reconciling": "True ApprovalMissing"}), kstatus.InProgressStatus},
			[]string{`the authority "mic"`}},
		{"the authority rejects without being asked", openLink(authority(v1alpha1.ReasonRejected, false)), apply.Result{}, nil, "Rejected",
			summary{good(conditions{"AuthorityApproved": "False Rejected", "PolicyPaired": withdrawn, "Ready": "False Rejected", "Stalled": "True Rejected"}), kstatus.FailedStatus}, nil},
		{"the authority suspends", openLink(authority(v1alpha1.ReasonLinkSuspended, false)), apply.Result{}, nil, "Suspended",
			summary{good(conditions{"AuthorityApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), kstatus.InProgressStatus}, nil},
		{"suspended while its ends do not resolve", openLink(reference(desired.Waiting, v1alpha1.ReasonServiceNotFound), provider(v1alpha1.ReasonLinkSuspended)), apply.Result{}, nil, "Suspended",
			summary{good(conditions{"ReferencesResolved": "False ServiceNotFound", "ProviderApproved": "False LinkSuspended", "PolicyPaired": withdrawn, "Ready": "False LinkSuspended"}), kstatus.InProgressStatus},
			[]string{"Suspended by agency-b/no"}},
		{"expired and rejected", openLink(validity(v1alpha1.ReasonExpired), provider(v1alpha1.ReasonRejected)), apply.Result{}, nil, "Expired",
			summary{good(conditions{"ProviderApproved": "False Rejected", "WithinValidity": "False Expired", "PolicyPaired": withdrawn, "Ready": "False Expired", "Stalled": "True Expired"}), kstatus.FailedStatus}, nil},
		{"waiting", openLink(reference(desired.Waiting, v1alpha1.ReasonServiceNotFound)), apply.Result{}, nil, "Waiting",
			summary{good(conditions{"ReferencesResolved": "False ServiceNotFound", "ProviderApproved": "Unknown Pending", "PolicyPaired": withdrawn, "Ready": "False ServiceNotFound", "Reconciling": "True ServiceNotFound"}), kstatus.InProgressStatus},
			[]string{"spec.x: so."}},
		{"refused", openLink(reference(desired.Terminal, v1alpha1.ReasonStateSecret)), apply.Result{}, nil, "Refused",
			summary{good(conditions{"ReferencesResolved": "False StateSecret", "ProviderApproved": "Unknown Pending", "PolicyPaired": withdrawn, "Ready": "False StateSecret", "Stalled": "True StateSecret"}), kstatus.FailedStatus}, nil},
		{"expired", openLink(validity(v1alpha1.ReasonExpired)), apply.Result{}, nil, "Expired",
			summary{good(conditions{"WithinValidity": "False Expired", "PolicyPaired": withdrawn, "Ready": "False Expired", "Stalled": "True Expired"}), kstatus.FailedStatus}, nil},
		{"too long", openLink(validity(v1alpha1.ReasonValidityTooLong)), apply.Result{}, nil, "Refused",
			summary{good(conditions{"WithinValidity": "False ValidityTooLong", "PolicyPaired": withdrawn, "Ready": "False ValidityTooLong", "Stalled": "True ValidityTooLong"}), kstatus.FailedStatus}, nil},
		{"foreign object", openLink(), foreign, nil, "Opening",
			summary{good(conditions{"PolicyPaired": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}), kstatus.FailedStatus}, []string{"NetworkPolicy agency-b/link-x exists"}},
		{"write failed", openLink(), apply.Result{}, errors.New("timeout"), "Opening",
			summary{good(conditions{"PolicyPaired": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), kstatus.InProgressStatus}, nil},
		{"nobody else may read it yet", openLink(), apply.Result{Failures: []*apply.Failure{unread}}, unread, "Open",
			summary{good(conditions{"Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), kstatus.InProgressStatus}, []string{"A write to the API server failed (Role agency-a/link-x); the operator retries."}},
		{"who reads it is in the way", openLink(), apply.Result{Conflicts: []apply.Conflict{{Kind: "RoleBinding", Namespace: "agency-a", Name: "link-x"}}}, nil, "Open",
			summary{good(conditions{"Ready": "False Conflict", "Stalled": "True Conflict"}), kstatus.FailedStatus}, []string{"RoleBinding agency-a/link-x exists"}},
		{"withdrawal failed", openLink(shut, provider(v1alpha1.ReasonLinkSuspended)), apply.Result{}, errors.New("timeout"), "Suspended",
			summary{good(conditions{"ProviderApproved": "False LinkSuspended", "PolicyPaired": "False ApplyFailed", "Ready": "False LinkSuspended"}), kstatus.InProgressStatus}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := desired.LinkInput{Settings: settings.Default(), Link: &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Name: "l", Namespace: "agency-a", Generation: generation},
				Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b", Service: "s"}, ValidUntil: metav1.NewTime(time.Unix(1800000000, 0))}}}
			DataSharingLink(in, tt.out, tt.res, tt.err)
			assertStatus(t, in.Link, tt.want)
			assertMessage(t, in.Link, v1alpha1.ConditionReady, tt.says...)
			if in.Link.Status.Phase != tt.phase || in.Link.Status.SpecHash != tt.out.Hash {
				t.Errorf("phase %q, hash %q", in.Link.Status.Phase, in.Link.Status.SpecHash)
			}
		})
	}
}

func TestDataSharingLinkDeleting(t *testing.T) {
	l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
	DataSharingLinkDeleting(l, []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}})
	assertStatus(t, l, summary{map[string]string{"Ready": "False Deleting", "Reconciling": "True Deleting"}, kstatus.InProgressStatus})
	if len(l.Status.Inventory) != 1 {
		t.Errorf("inventory %v", l.Status.Inventory)
	}
}

func TestDataService(t *testing.T) {
	waiting := &desired.Blocker{Class: desired.Waiting, Reason: v1alpha1.ReasonPortalNotReady, Message: "spec.portalRef.name: so."}
	wrong := &desired.Blocker{Class: desired.Terminal, Reason: v1alpha1.ReasonPortMismatch, Message: "spec.port: so."}
	taken := &desired.Blocker{Class: desired.Terminal, Reason: v1alpha1.ReasonDatasetTaken, Message: "spec.dataset: so."}
	tests := []struct {
		name string
		out  desired.ServiceOutput
		want summary
	}{
		{"published", desired.ServiceOutput{}, summary{map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "True Published", "Ready": "True Ready"}, kstatus.CurrentStatus}},
		{"waiting", desired.ServiceOutput{Published: waiting}, summary{map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "False PortalNotReady", "Ready": "False PortalNotReady", "Reconciling": "True PortalNotReady"}, kstatus.InProgressStatus}},
		{"wrong port", desired.ServiceOutput{Published: wrong}, summary{map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "False PortMismatch", "Ready": "False PortMismatch", "Stalled": "True PortMismatch"}, kstatus.FailedStatus}},
		{"taken", desired.ServiceOutput{Dataset: taken}, summary{map[string]string{"DatasetOwned": "False DatasetTaken", "Published": "True Published", "Ready": "False DatasetTaken", "Stalled": "True DatasetTaken"}, kstatus.FailedStatus}},
		{"taken and waiting", desired.ServiceOutput{Dataset: taken, Published: waiting}, summary{map[string]string{"DatasetOwned": "False DatasetTaken", "Published": "False PortalNotReady", "Ready": "False DatasetTaken", "Stalled": "True DatasetTaken"}, kstatus.FailedStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
			DataService(desired.ServiceInput{Service: s}, tt.out)
			assertStatus(t, s, tt.want)
		})
	}
	t.Run("another dataset than it holds, and something can't be read", func(t *testing.T) {
		s := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Generation: generation}, Spec: v1alpha1.DataServiceSpec{Dataset: "old"}}
		DataService(desired.ServiceInput{Service: s}, desired.ServiceOutput{})
		DataServiceLookupFailed(s)
		if !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
			t.Errorf("the dataset that it holds: %+v", s.Status.Conditions)
		}
		s.Spec.Dataset = "new"
		DataServiceLookupFailed(s)
		if meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
			t.Errorf("another one: %+v", s.Status.Conditions)
		}
	})
	t.Run("no more consumers than the schema takes", func(t *testing.T) {
		s := &v1alpha1.DataService{}
		in := desired.ServiceInput{Service: s}
		for i := range 2000 {
			in.Consumers = append(in.Consumers, fmt.Sprintf("agency-a/p%04d", i))
		}
		DataService(in, desired.ServiceOutput{})
		if len(s.Status.Consumers) != maxConsumers {
			t.Errorf("%d consumers", len(s.Status.Consumers))
		}
	})
}

func TestSharedPlatform(t *testing.T) {
	twice := &desired.Blocker{Class: desired.Terminal, Reason: v1alpha1.ReasonDuplicateOf, Message: "spec.capability: so."}
	outside := &desired.Blocker{Class: desired.Terminal, Reason: v1alpha1.ReasonOutsideNetworks, Message: "so."}
	gone := &desired.Blocker{Class: desired.Waiting, Reason: v1alpha1.ReasonPlatformUnavailable, Message: "so."}
	tests := []struct {
		name   string
		out    desired.PlatformOutput
		absent []policy.NamedAgencies
		want   summary
	}{
		{"ready", desired.PlatformOutput{}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "True Available", "Ready": "True Ready"}, kstatus.CurrentStatus}},
		{"duplicate", desired.PlatformOutput{Unique: twice}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "False DuplicateOf", "Available": "True Available", "Ready": "False DuplicateOf", "Stalled": "True DuplicateOf"}, kstatus.FailedStatus}},
		{"unavailable", desired.PlatformOutput{Available: gone}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "False PlatformUnavailable", "Ready": "True Catalogued"}, kstatus.CurrentStatus}},
		{"unavailable for good", desired.PlatformOutput{Available: outside}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "False OutsideNetworks", "Ready": "False OutsideNetworks", "Reconciling": "True OutsideNetworks"}, kstatus.InProgressStatus}},
		{"duplicate that is unavailable", desired.PlatformOutput{Unique: twice, Available: gone}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "False DuplicateOf", "Available": "False PlatformUnavailable", "Ready": "False DuplicateOf", "Stalled": "True DuplicateOf"}, kstatus.FailedStatus}},
		{"unknown agency", desired.PlatformOutput{}, []policy.NamedAgencies{{Field: "spec.ownerRef.name", Agencies: []v1alpha1.AgencyName{"x"}}},
			summary{map[string]string{"AgenciesResolved": "False AgencyNotFound", "Unique": "True Unique", "Available": "True Available", "Ready": "True Ready"}, kstatus.CurrentStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
			SharedPlatform(desired.PlatformInput{Platform: p, Consumers: 3, AbsentAgencies: tt.absent}, tt.out)
			assertStatus(t, p, tt.want)
			if p.Status.Consumers != 3 {
				t.Errorf("%d consumers", p.Status.Consumers)
			}
		})
	}
	p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Generation: generation, DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}}
	SharedPlatform(desired.PlatformInput{Platform: p}, desired.PlatformOutput{Available: gone})
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse {
		t.Errorf("a platform that is being deleted is ready: %s", c.Message)
	}
}

func TestDataSharingApproval(t *testing.T) {
	hash, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	link := func(hash string) *v1alpha1.DataSharingLink {
		return &v1alpha1.DataSharingLink{Status: v1alpha1.DataSharingLinkStatus{SpecHash: hash}}
	}
	moving := func(reason string) summary {
		return summary{map[string]string{"Bound": "False " + reason, "Ready": "False " + reason, "Reconciling": "True " + reason}, kstatus.InProgressStatus}
	}
	dead := func(reason string) summary {
		return summary{map[string]string{"Bound": "False " + reason, "Ready": "False " + reason, "Stalled": "True " + reason}, kstatus.FailedStatus}
	}
	bound := summary{map[string]string{"Bound": "True Bound", "Ready": "True Ready"}, kstatus.CurrentStatus}
	tests := []struct {
		name     string
		decision v1alpha1.Decision
		link     *v1alpha1.DataSharingLink
		side     v1alpha1.LinkSide
		want     summary
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
			a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Generation: generation}, Spec: v1alpha1.DataSharingApprovalSpec{Decision: tt.decision, SpecHash: hash}}
			DataSharingApproval(a, tt.link, tt.side, settings.Default())
			assertStatus(t, a, tt.want)
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
		DataSharingApproval(a, tt.link, v1alpha1.SideAuthority, settings.Default())
		c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionBound)
		if a.Status.Side != v1alpha1.SideAuthority || c.Reason != tt.reason {
			t.Errorf("%s: side %q, %s", name, a.Status.Side, c.Reason)
		}
		assertMessage(t, a, v1alpha1.ConditionBound, append(lift, `was the authority, and stands although that is "mic" now`)...)
	}
}

// TestLinkOfEarlierAuthority: the link that an earlier authority stopped tells the same.
func TestLinkOfEarlierAuthority(t *testing.T) {
	lift := []string{`only agency "former" lifts it`, "kubectl -n agency-former delete datasharingapproval halt", "sets spec.approver to the own name before"}
	for _, reason := range []string{v1alpha1.ReasonLinkSuspended, v1alpha1.ReasonRejected} {
		in := desired.LinkInput{Settings: settings.Default(), Link: &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "b"}}}}
		out := openLink(shut)
		out.Authority = policy.Verdict{Reason: reason, By: "agency-former/halt", Words: "vì lý do"}
		DataSharingLink(in, out, apply.Result{}, nil)
		assertMessage(t, in.Link, v1alpha1.ConditionAuthorityApproved, append(lift, `by agency-former/halt ("vì lý do"), when agency "former" was the authority`, `the authority is "mic" now`)...)
		if c := meta.FindStatusCondition(in.Link.Status.Conditions, v1alpha1.ConditionAuthorityApproved); strings.Contains(c.Message, "opens again when") {
			t.Errorf("the present authority is sent to open it: %s", c.Message)
		}
	}
}
