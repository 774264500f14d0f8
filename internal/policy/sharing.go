package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// SharingFloor is the strictest of all enforced policies that select one end of
// a link, or both.
type SharingFloor struct {
	// AuthorityApprovalFor are the classifications that the authority approves too.
	AuthorityApprovalFor []v1alpha1.DataClassification
	// MaxValidity is the longest term; nil for no bound, and 0 lets no link be.
	MaxValidity *time.Duration
	// DirectAllowed is true when policies of both ends allow the direct route
	// and none forbids it.
	DirectAllowed bool
}

// EffectiveSharingFloor combines the enforced policies that select the consumer
// and those that select the provider.
func EffectiveSharingFloor(consumer, provider []v1alpha1.SecurityPolicy) SharingFloor {
	f := SharingFloor{DirectAllowed: directAllowed(consumer) && directAllowed(provider)}
	for _, p := range slices.Concat(consumer, provider) {
		c := p.Spec.DataSharing
		if c == nil || p.Spec.Mode == v1alpha1.ModeAudit {
			continue
		}
		f.AuthorityApprovalFor = append(f.AuthorityApprovalFor, c.RequireAuthorityApprovalFor...)
		if c.MaxValidity != nil {
			most := max(c.MaxValidity.Duration, 0)
			if f.MaxValidity == nil || most < *f.MaxValidity {
				f.MaxValidity = &most
			}
		}
	}
	slices.Sort(f.AuthorityApprovalFor)
	f.AuthorityApprovalFor = slices.Compact(f.AuthorityApprovalFor)
	return f
}

// directAllowed is true when a policy says so and none denies it; silence is no
// permission.
func directAllowed(policies []v1alpha1.SecurityPolicy) bool {
	allowed := false
	for _, p := range policies {
		if p.Spec.DataSharing == nil || p.Spec.DataSharing.AllowDirectRoute == nil || p.Spec.Mode == v1alpha1.ModeAudit {
			continue
		}
		if !*p.Spec.DataSharing.AllowDirectRoute {
			return false
		}
		allowed = true
	}
	return allowed
}

// classes orders classifications from the least to the most protected.
var classes = []v1alpha1.DataClassification{
	v1alpha1.ClassificationPublic, v1alpha1.ClassificationInternal, v1alpha1.ClassificationPersonal, v1alpha1.ClassificationStateSecret,
}

// classRank orders a classification. Nothing said is Internal, as the schema has it; a
// class that is not known is protected like a state secret.
func classRank(c v1alpha1.DataClassification) int {
	if c == "" {
		c = v1alpha1.ClassificationInternal
	}
	if i := slices.Index(classes, c); i >= 0 {
		return i
	}
	return len(classes) - 1
}

// Strictest returns the most protected of several classifications: a weaker
// label on one side of the same data never counts.
func Strictest(all ...v1alpha1.DataClassification) v1alpha1.DataClassification {
	if len(all) == 0 {
		return v1alpha1.ClassificationInternal
	}
	most := 0
	for _, c := range all {
		most = max(most, classRank(c))
	}
	return classes[most]
}

// NeedsAuthority reports whether the authority must approve a link of the given
// classification: what it asks for one class it asks for every stricter one.
func (f SharingFloor) NeedsAuthority(c v1alpha1.DataClassification) bool {
	return slices.ContainsFunc(f.AuthorityApprovalFor, func(asked v1alpha1.DataClassification) bool { return classRank(asked) <= classRank(c) })
}

// HashScope returns "sha256:" and the hash of a scope. Neither the order in which
// operations are listed matters nor how an editor writes the same words.
func HashScope(s v1alpha1.LinkScope) string {
	s.Purpose, s.LegalBasis = text.Normalise(s.Purpose), text.Normalise(s.LegalBasis)
	s.Operations = slices.Clone(s.Operations)
	slices.SortFunc(s.Operations, func(a, b v1alpha1.Operation) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Method, b.Method), strings.Compare(a.Path, b.Path))
	})
	return hashOf(s)
}

// hashOf returns "sha256:" and the hash of a struct of strings and numbers, which
// always marshals, in the order of its fields.
func hashOf(what any) string {
	data, err := json.Marshal(what)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

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

// Decide combines the approvals of one side about a link. A suspension counts
// whatever scope it was made for; a rejection and an approval count for the
// scope of their hash only; what closes beats what opens. A rejection of another
// scope beats the approvals that are not newer: it is the side's last word.
func Decide(approvals []v1alpha1.DataSharingApproval, hash string) Verdict {
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

// Objection returns the rejection of a side that need not approve, and did not
// decide about this scope, when it is newer than what the other side approved:
// nobody goes back behind it to an older approval.
func Objection(silent, deciding []v1alpha1.DataSharingApproval, hash string) (v Verdict, objects bool) {
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

// Approvers are the users whose approvals of the scope count for one side.
func Approvers(approvals []v1alpha1.DataSharingApproval, hash string) []string {
	var out []string
	no := lastRejection(approvals)
	for i := range approvals {
		if _, v := judge(&approvals[i], hash); v.Approved && !outlasts(no, &approvals[i]) {
			out = append(out, approvals[i].Spec.Approver)
		}
	}
	return out
}

// Separate reports whether every side can be spoken for by a person of its own:
// one of each side's users, no two the same, and none of the excluded ones.
// See SamePerson.
func Separate(excluded []string, sides ...[]string) bool {
	if len(sides) == 0 {
		return true
	}
	for _, user := range sides[0] {
		if slices.ContainsFunc(excluded, func(e string) bool { return SamePerson(e, user) }) {
			continue
		}
		if Separate(append(slices.Clone(excluded), user), sides[1:]...) {
			return true
		}
	}
	return false
}

// SamePerson reports whether two user names are taken for one person's: neither
// letter case, nor how the same letters are encoded, nor what nobody sees makes
// another person.
func SamePerson(a, b string) bool { return text.Fold(a) == text.Fold(b) }

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

// Fingerprint says which platforms are duplicates: capability and scope, letter
// case, white space and the way in which accents are written aside.
func Fingerprint(capability, scope v1alpha1.Text) string {
	sum := sha256.Sum256([]byte(text.Fold(string(capability)) + "\x00" + text.Fold(string(scope))))
	return hex.EncodeToString(sum[:])[:16]
}
