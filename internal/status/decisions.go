package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
)

// Each side has half of the schema's 20 decisions on a link's record, so that
// neither pushes the other's off. Of the approvals that exist the newest ones of
// a side stand on it; what is left is for those that are gone.
const (
	maxDecisions = 10
	maxLiving    = 6
)

// recordDecisions adds to a link's record what was decided since, and what was
// revoked: an approval that is gone leaves who gave it. Beyond the bound the
// oldest entries of a side go first, those of approvals that never opened
// anything before all others, but never the present one of an approval that
// stands on it, so the same world always gives the same record.
func recordDecisions(record []v1alpha1.LinkDecision, in desired.LinkInput) []v1alpha1.LinkDecision {
	out := slices.Clone(record)
	last := map[types.UID]int{}
	for i := range out {
		last[out[i].UID] = i
	}
	alive, stands := map[types.UID]bool{}, map[types.UID]bool{}
	living := livingApprovals(in)
	standing := map[v1alpha1.LinkSide]int{}
	for _, a := range slices.Backward(living) {
		alive[a.UID] = true
		standing[sideOf(a, in)]++
		stands[a.UID] = standing[sideOf(a, in)] <= maxLiving
	}
	for _, a := range living {
		next := decisionOf(a, in)
		if i, ok := last[a.UID]; !stands[a.UID] || ok && sameDecision(out[i], next) {
			continue
		}
		out = append(out, next)
		last[a.UID] = len(out) - 1
	}
	for i := range out[:len(out):len(out)] {
		e := out[i]
		if last[e.UID] != i || alive[e.UID] || e.Decision == string(v1alpha1.DecisionRevoked) {
			continue
		}
		e.Decision, e.Time, e.Reason = string(v1alpha1.DecisionRevoked), seconds(in.Now), "The approval was deleted."
		out = append(out, e)
		last[e.UID] = len(out) - 1
	}
	return boundDecisions(out, func(i int) bool { return stands[out[i].UID] && last[out[i].UID] == i })
}

// boundDecisions takes from each side what is beyond its bound.
func boundDecisions(all []v1alpha1.LinkDecision, present func(i int) bool) []v1alpha1.LinkDecision {
	approved, excess := map[types.UID]bool{}, map[v1alpha1.LinkSide]int{v1alpha1.SideProvider: -maxDecisions, v1alpha1.SideAuthority: -maxDecisions}
	for i := range all {
		approved[all[i].UID] = approved[all[i].UID] || all[i].Decision == string(v1alpha1.DecisionApprove)
		excess[all[i].Side]++
	}
	gone := make([]bool, len(all))
	for _, also := range []bool{false, true} {
		for i := range all {
			if e := &all[i]; excess[e.Side] > 0 && !gone[i] && !present(i) && (also || !approved[e.UID]) {
				gone[i] = true
				excess[e.Side]--
			}
		}
	}
	kept := all[:0:0]
	for i := range all {
		if !gone[i] {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// livingApprovals are the approvals of both sides that are not being deleted,
// oldest first.
func livingApprovals(in desired.LinkInput) []*v1alpha1.DataSharingApproval {
	var out []*v1alpha1.DataSharingApproval
	for i := range in.Approvals {
		if a := &in.Approvals[i]; a.DeletionTimestamp == nil && sideOf(a, in) != "" {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b *v1alpha1.DataSharingApproval) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(string(a.UID), string(b.UID)))
	})
	return out
}

func sideOf(a *v1alpha1.DataSharingApproval, in desired.LinkInput) v1alpha1.LinkSide {
	switch a.Namespace {
	case names.Namespace(string(in.Link.Spec.Provider.Agency)):
		return v1alpha1.SideProvider
	case names.Namespace(in.Settings.AuthorityAgency):
		return v1alpha1.SideAuthority
	}
	return ""
}

// decisionOf is an approval as an entry of the record. Only a creation has a
// time of its own; a change is dated when it is seen.
func decisionOf(a *v1alpha1.DataSharingApproval, in desired.LinkInput) v1alpha1.LinkDecision {
	at := a.CreationTimestamp
	if a.Generation > 1 {
		at = seconds(in.Now)
	}
	return v1alpha1.LinkDecision{
		Side: sideOf(a, in), Decision: string(a.Spec.Decision), Approver: a.Spec.Approver, SpecHash: a.Spec.SpecHash,
		Time: at, Namespace: a.Namespace, Name: a.Name, UID: a.UID, Reason: string(a.Spec.Reason),
	}
}

func sameDecision(a, b v1alpha1.LinkDecision) bool {
	a.Time, b.Time = metav1.Time{}, metav1.Time{}
	return a == b
}

func seconds(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
