package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// oneLink answers every read with its link, or with the error.
type oneLink struct {
	client.Client
	link *v1alpha1.DataSharingLink
	err  error
}

func (r oneLink) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if r.err == nil {
		r.link.DeepCopyInto(into.(*v1alpha1.DataSharingLink))
	}
	return r.err
}

func written(d v1alpha1.Decision) Prepared {
	return Prepared{authority: "mic", Scope: view.ScopeShown{Link: client.ObjectKey{Namespace: "agency-finance", Name: "residents"}},
		Approval: &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-police", Name: "link-residents", UID: "u"},
			Spec: v1alpha1.DataSharingApprovalSpec{Decision: d, SpecHash: "sha256:1", Approver: "mai", Reason: "x"}}}
}

// linkAfter is a link whose record ends with the decisions, in a phase.
func linkAfter(phase string, open bool, decisions ...v1alpha1.LinkDecision) *v1alpha1.DataSharingLink {
	l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-finance", Name: "residents"}}
	l.Spec.Provider.Agency = "police"
	l.Status.Phase, l.Status.Decisions = phase, decisions
	l.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Role", Name: "readers"}}
	paired := metav1.Condition{Type: v1alpha1.ConditionPolicyPaired, Status: "False", Reason: v1alpha1.ReasonWithdrawn}
	if open {
		paired.Status, paired.Reason = "True", v1alpha1.ReasonPaired
		l.Status.Inventory = append(l.Status.Inventory, v1alpha1.InventoryEntry{Kind: "NetworkPolicy", Name: "p"})
	}
	meta.SetStatusCondition(&l.Status.Conditions, paired)
	return l
}

func entry(d v1alpha1.Decision) v1alpha1.LinkDecision {
	return v1alpha1.LinkDecision{UID: "u", Decision: string(d), SpecHash: "sha256:1", Approver: "mai", Reason: "x"}
}

// TestOutcome: a decision has an effect when the operator has acted on it, and
// one that closes when no policy is left. It fails where what is written counts.
func TestOutcome(t *testing.T) {
	approve, suspend := v1alpha1.DecisionApprove, v1alpha1.DecisionSuspend
	other := entry(suspend)
	other.UID = "another"
	tests := []struct {
		name   string
		p      Prepared
		link   *v1alpha1.DataSharingLink
		acted  bool
		output []string
	}{
		{"suspended", written(suspend), linkAfter("Suspended", false, entry(approve), entry(suspend)), true, []string{"closed: no policy of the link exists"}},
		{"nobody acts", written(suspend), linkAfter("Open", true, entry(approve)), false, []string{"WARNING: the decision is stored (DataSharingApproval agency-police/link-residents)", "agency-finance/residents is still Open and TRAFFIC PASSES"}},
		{"recorded, a policy is left", written(suspend), linkAfter("Suspended", true, entry(suspend)), false, []string{"TRAFFIC PASSES"}},
		{"recorded earlier, another way", written(suspend), linkAfter("Requested", false, entry(suspend), entry(approve)), false, []string{"of which no policy exists now"}},
		{"another's record", written(suspend), linkAfter("Requested", false, other), false, []string{"is not held by it yet"}},
		{"no room on the record", written(suspend), linkAfter("Suspended", false), true, []string{"closed"}},
		{"rejected", written(v1alpha1.DecisionReject), linkAfter("Rejected", false, entry(v1alpha1.DecisionReject)), true, []string{"closed"}},
		{"approved, open", written(approve), linkAfter("Open", true, entry(approve)), true, []string{"open: both halves"}},
		{"approved, opening", written(approve), linkAfter("Opening", false, entry(approve)), false, []string{"so it opens nothing yet"}},
		{"approved, nobody acts", written(approve), linkAfter("Requested", false), false, []string{"so it opens nothing yet", "kubectl -n govplatform-system get pods"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := tt.p.Await(t.Context(), oneLink{link: tt.link}, time.Millisecond)
			if err != nil || o.Acted != tt.acted {
				t.Fatalf("acted %t, %v; want %t", o.Acted, err, tt.acted)
			}
			streams, _, out, errOut := genericiooptions.NewTestIOStreams()
			err = tt.p.report(t.Context(), oneLink{link: tt.link}, time.Millisecond, streams)
			if code := ExitCode(err); (code == 0) != tt.acted || !tt.acted && code != exitNoEffect {
				t.Errorf("exit code %d", code)
			}
			for _, want := range tt.output {
				if said := out.String() + errOut.String(); !strings.Contains(said, want) {
					t.Errorf("%q is missing in\n%s", want, said)
				}
			}
		})
	}
}

// TestOutcomeUnread: what could not be read is no success.
func TestOutcomeUnread(t *testing.T) {
	streams, _, _, errOut := genericiooptions.NewTestIOStreams()
	err := written(v1alpha1.DecisionSuspend).report(t.Context(), oneLink{err: errors.New("the line is dead")}, time.Millisecond, streams)
	if ExitCode(err) != exitNoEffect || !strings.Contains(errOut.String(), "the line is dead") {
		t.Errorf("%v: %s", err, errOut)
	}
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	if err := written(v1alpha1.DecisionSuspend).report(t.Context(), oneLink{}, 0, streams); err != nil || !strings.Contains(out.String(), "not waited for") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestApproveSaysWhichSideIsMissing: with the command, and not with a condition.
func TestApproveSaysWhichSideIsMissing(t *testing.T) {
	l := linkAfter("Requested", false, entry(v1alpha1.DecisionApprove))
	for _, c := range []metav1.Condition{
		{Type: v1alpha1.ConditionProviderApproved, Status: "True", Reason: v1alpha1.ReasonApproved},
		{Type: v1alpha1.ConditionAuthorityApproved, Status: "False", Reason: v1alpha1.ReasonApprovalMissing, Message: "Nobody has approved."},
		{Type: v1alpha1.ConditionWithinValidity, Status: "False", Reason: v1alpha1.ReasonExpired, Message: "The term is over."},
	} {
		meta.SetStatusCondition(&l.Status.Conditions, c)
	}
	var out bytes.Buffer
	written(v1alpha1.DecisionApprove).explain(&out, l)
	want := "not open: the link is Requested\n" +
		"  - the authority mic has not approved it: kubectl gov approve residents -n agency-finance --as-agency mic\n  - The term is over.\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestSuspensionReplaces: who suspends with the approval's object is told before
// that the approval is gone with it.
func TestSuspensionReplaces(t *testing.T) {
	old := written(v1alpha1.DecisionApprove).Approval
	d := Decision{Link: client.ObjectKey{Namespace: "agency-finance", Name: "residents"}, Decision: v1alpha1.DecisionSuspend}
	want := "it takes the place of the approval of police by mai: to open the link again, police must approve anew (kubectl gov approve residents -n agency-finance --as-agency police)"
	if got := replaces(old, d); got != want {
		t.Errorf("got %q", got)
	}
	d.Decision = v1alpha1.DecisionApprove
	if got := replaces(old, d); got != "" {
		t.Errorf("an approval replaces %q", got)
	}
}
