package link

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// Each side has half of the schema's 20 decisions on a link's record, so that
// neither pushes the other's off. Of the approvals that exist the newest ones of
// a side stand on it; what is left is for those that are gone.
const (
	maxDecisions = 10
	maxLiving    = 6
)

// recordDecisions adds to a link's record what was decided since, and what was
// revoked: an approval that is gone leaves who gave it. One that is there and speaks
// for no side any more keeps its last entry. Beyond the bound what decided least
// goes first, but never the present entry of an approval that stands on it, so the
// same world always gives the same record.
func recordDecisions(record []v1alpha1.LinkDecision, in Input, out Output) []v1alpha1.LinkDecision {
	link := *in.Link
	link.Status.Decisions, in.Link = record, &link
	all := slices.Clone(record)
	last := map[types.UID]int{}
	for i := range all {
		last[all[i].UID] = i
	}
	alive := map[types.UID]bool{}
	living := livingApprovals(in)
	stands := standingApprovals(living, in, out)
	for i := range in.Approvals {
		alive[in.Approvals[i].UID] = in.Approvals[i].DeletionTimestamp == nil
	}
	for _, a := range living {
		next := decisionOf(a, in, out)
		i, ok := last[a.UID]
		switch {
		case ok && sameDecision(all[i], next):
			all[i].OtherScope = all[i].OtherScope && next.OtherScope
		case stands[a.UID]:
			all = append(all, next)
			last[a.UID] = len(all) - 1
		}
	}
	for i := range all[:len(all):len(all)] {
		e := all[i]
		if last[e.UID] != i || alive[e.UID] || e.Decision == string(v1alpha1.DecisionRevoked) {
			continue
		}
		e.Decision, e.Time, e.Reason = string(v1alpha1.DecisionRevoked), object.Seconds(in.Now), "The approval was deleted."
		all = append(all, e)
		last[e.UID] = len(all) - 1
	}
	return boundDecisions(all, func(i int) bool { return stands[all[i].UID] && last[all[i].UID] == i })
}

// standingApprovals are those of a side that stand on the record: the one that
// decides, then the newest that each person gave and that count, then those of
// other scopes.
func standingApprovals(living []*v1alpha1.DataSharingApproval, in Input, out Output) map[types.UID]bool {
	stands, count, seen := map[types.UID]bool{}, map[v1alpha1.LinkSide]int{}, map[string]bool{}
	rank := func(a *v1alpha1.DataSharingApproval) int {
		switch by := a.Namespace + "/" + a.Name; {
		case by == out.Provider.By || by == out.Authority.By:
			return 0
		case !otherScope(a, out):
			return 1
		}
		return 2
	}
	for want := range 3 {
		for _, a := range slices.Backward(living) {
			side := sideOf(a, in)
			who := fmt.Sprint(side, a.Spec.Decision, otherScope(a, out), text.Fold(a.Spec.Approver))
			if rank(a) != want || seen[who] || count[side] >= maxLiving {
				continue
			}
			stands[a.UID], seen[who] = true, true
			count[side]++
		}
	}
	return stands
}

// otherScope reports whether an approval is for a scope that is not the link's.
func otherScope(a *v1alpha1.DataSharingApproval, out Output) bool {
	return a.Spec.Decision == v1alpha1.DecisionApprove && a.Spec.SpecHash != out.Hash
}

// boundDecisions takes from each side what is beyond its bound: first what was of
// other scopes, of which each person leaves one entry at most; then what one
// person did again and again, what never approved anything, and the oldest.
func boundDecisions(all []v1alpha1.LinkDecision, present func(i int) bool) []v1alpha1.LinkDecision {
	approved, counted, repeated := map[types.UID]bool{}, map[types.UID]bool{}, make([]bool, len(all))
	excess := map[v1alpha1.LinkSide]int{v1alpha1.SideProvider: -maxDecisions, v1alpha1.SideAuthority: -maxDecisions}
	for i := range all {
		approved[all[i].UID] = approved[all[i].UID] || all[i].Decision == string(v1alpha1.DecisionApprove)
		counted[all[i].UID] = counted[all[i].UID] || !all[i].OtherScope
		excess[all[i].Side]++
	}
	gone, seen := make([]bool, len(all)), map[string]bool{}
	for i, e := range slices.Backward(all) {
		who := fmt.Sprint(e.Side, e.Decision, text.Fold(e.Approver), e.SpecHash)
		if !counted[e.UID] {
			who = fmt.Sprint(e.Side, text.Fold(e.Approver))
		}
		if repeated[i] = seen[who]; repeated[i] && !counted[e.UID] && !present(i) {
			gone[i] = true
			excess[e.Side]--
		}
		seen[who] = true
	}
	for _, goes := range []func(i int) bool{
		func(i int) bool { return !counted[all[i].UID] },
		func(i int) bool { return repeated[i] },
		func(i int) bool { return !approved[all[i].UID] },
		func(int) bool { return true },
	} {
		for i := range all {
			if e := &all[i]; excess[e.Side] > 0 && !gone[i] && !present(i) && goes(i) {
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
func livingApprovals(in Input) []*v1alpha1.DataSharingApproval {
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

// sideOf is the side of an approval on the record: the provider's where an agency is
// both. Whoever puts an approval in the place of what an earlier authority stopped
// opens nothing by it, but lifts that, which stands on the record too.
func sideOf(a *v1alpha1.DataSharingApproval, in Input) v1alpha1.LinkSide {
	if a.Namespace == names.Namespace(string(in.Link.Spec.Provider.Agency)) {
		return v1alpha1.SideProvider
	}
	if last := lastEntry(a, in.Link.Status.Decisions); last != nil && last.Decision != string(v1alpha1.DecisionApprove) && !object.Closing(a) {
		return last.Side
	}
	return ApprovalSide(a, in.Link, in.Settings)
}

// decisionOf is an approval as an entry of the record. Only a creation has a
// time of its own; a change is dated when it is seen.
func decisionOf(a *v1alpha1.DataSharingApproval, in Input, out Output) v1alpha1.LinkDecision {
	at := a.CreationTimestamp
	if a.Generation > 1 {
		at = object.Seconds(in.Now)
	}
	return v1alpha1.LinkDecision{
		Side: sideOf(a, in), Decision: string(a.Spec.Decision), Approver: a.Spec.Approver, SpecHash: a.Spec.SpecHash,
		Time: at, Namespace: a.Namespace, Name: a.Name, UID: a.UID, Reason: string(a.Spec.Reason),
		OtherScope: otherScope(a, out),
	}
}

func sameDecision(a, b v1alpha1.LinkDecision) bool {
	a.Time, b.Time = metav1.Time{}, metav1.Time{}
	a.OtherScope, b.OtherScope = false, false
	return a == b
}
