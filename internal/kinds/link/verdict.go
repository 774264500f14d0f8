package link

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// Verdict of one side about a scope.
type Verdict struct {
	Approved bool
	Reason   string
	// By names the approval that decides, as namespace/name; empty for none.
	By string
	// Words are the reason that the approver gave.
	Words string
	// Approver is the user who decided.
	Approver string
}

// Objects is true when the side has decided against the scope, and not merely
// stayed silent about it.
func (v Verdict) Objects() bool {
	return v.Reason == v1alpha1.ReasonLinkSuspended || v.Reason == v1alpha1.ReasonRejected
}

// decided combines the approvals of one side about a link. A suspension counts
// whatever scope it was made for; a rejection and an approval count for the
// scope of their hash only; what closes beats what opens. A rejection of another
// scope beats the approvals that are not newer: it is the side's last word.
func decided(approvals []v1alpha1.DataSharingApproval, hash string) Verdict {
	v := Verdict{Reason: v1alpha1.ReasonApprovalMissing}
	best, no := 0, lastRejection(approvals)
	for i := range approvals {
		a := &approvals[i]
		r, next := judge(a, hash)
		if next.Approved && outlasts(no, a) {
			a, r, next = no, outlasted, Verdict{Reason: v1alpha1.ReasonRejected}
		}
		next = next.by(a)
		if r > best || r == best && r > 0 && next.By < v.By {
			best, v = r, next
		}
	}
	return v
}

// objection returns the rejection of a side that need not approve, and did not
// decide about this scope, when it is newer than what the other side approved:
// nobody goes back behind it to an older approval.
func objection(silent, deciding []v1alpha1.DataSharingApproval, hash string) (v Verdict, objects bool) {
	no := lastRejection(silent)
	for i := range deciding {
		if _, d := judge(&deciding[i], hash); d.Approved && no != nil {
			if !outlasts(no, &deciding[i]) {
				return Verdict{}, false
			}
			objects = true
		}
	}
	if objects {
		v = Verdict{Reason: v1alpha1.ReasonRejected}.by(no)
	}
	return v, objects
}

func (v Verdict) by(a *v1alpha1.DataSharingApproval) Verdict {
	v.By, v.Words, v.Approver = a.Namespace+"/"+a.Name, string(a.Spec.Reason), a.Spec.Approver
	return v
}

// lastRejection is the newest rejection that stands, of whatever scope; nil for none.
func lastRejection(approvals []v1alpha1.DataSharingApproval) *v1alpha1.DataSharingApproval {
	var last *v1alpha1.DataSharingApproval
	for i := range approvals {
		a := &approvals[i]
		if a.Spec.Decision != v1alpha1.DecisionReject || a.DeletionTimestamp != nil {
			continue
		}
		if last == nil || outlasts(a, last) && (!outlasts(last, a) || last.Name >= a.Name) {
			last = a
		}
	}
	return last
}

// outlasts reports whether an approval is not newer than a rejection. Only the
// time of a creation is the API server's own word. When an object was changed
// later nobody can prove: a changed rejection counts as new, and a changed
// approval as old as its object.
func outlasts(no, a *v1alpha1.DataSharingApproval) bool {
	return no != nil && (no.Generation > 1 || !no.CreationTimestamp.Before(&a.CreationTimestamp))
}

// approvers are the users whose approvals of the scope count for one side.
func approvers(approvals []v1alpha1.DataSharingApproval, hash string) []string {
	var out []string
	no := lastRejection(approvals)
	for i := range approvals {
		if _, v := judge(&approvals[i], hash); v.Approved && !outlasts(no, &approvals[i]) {
			out = append(out, approvals[i].Spec.Approver)
		}
	}
	return out
}

// separate reports whether every side can be spoken for by a person of its own:
// one of each side's users, no two the same, and none of the excluded ones.
// See SamePerson.
func separate(excluded []string, sides ...[]string) bool {
	if len(sides) == 0 {
		return true
	}
	for _, user := range sides[0] {
		if slices.ContainsFunc(excluded, func(e string) bool { return object.SamePerson(e, user) }) {
			continue
		}
		if separate(append(slices.Clone(excluded), user), sides[1:]...) {
			return true
		}
	}
	return false
}

// outlasted is the rank of an approval that is not newer than a rejection: below
// one that counts.
const outlasted = 2

// judge ranks one approval: the higher rank decides.
func judge(a *v1alpha1.DataSharingApproval, hash string) (rank int, v Verdict) {
	matches := hash != "" && a.Spec.SpecHash == hash
	switch {
	case a.Spec.Decision == v1alpha1.DecisionSuspend:
		return 5, Verdict{Reason: v1alpha1.ReasonLinkSuspended}
	case a.DeletionTimestamp != nil:
		// Revoked; held by somebody's finalizer.
		return 1, Verdict{Reason: v1alpha1.ReasonApprovalStale}
	case a.Spec.Decision == v1alpha1.DecisionReject && matches:
		return 4, Verdict{Reason: v1alpha1.ReasonRejected}
	case a.Spec.Decision == v1alpha1.DecisionApprove && matches:
		return 3, Verdict{Approved: true, Reason: v1alpha1.ReasonApproved}
	default:
		return 1, Verdict{Reason: v1alpha1.ReasonApprovalStale}
	}
}
