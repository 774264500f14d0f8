package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// SharingFloor is the strictest of all enforced policies that select one end of
// a link, or both.
type SharingFloor struct {
	// AuthorityApprovalFor are the classifications that the authority approves too.
	AuthorityApprovalFor []v1alpha1.DataClassification
	// MaxValidity is the longest term; 0 for no bound.
	MaxValidity time.Duration
	// DirectAllowed is true when policies of both ends allow the direct route
	// and none forbids it.
	DirectAllowed bool
	// MutualTLS is demanded by at least one policy.
	MutualTLS bool
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
		f.MutualTLS = f.MutualTLS || c.RequireMutualTLS
		f.AuthorityApprovalFor = append(f.AuthorityApprovalFor, c.RequireAuthorityApprovalFor...)
		if c.MaxValidity != nil && (f.MaxValidity == 0 || c.MaxValidity.Duration < f.MaxValidity) {
			f.MaxValidity = c.MaxValidity.Duration
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

// Scope is exactly what an approval approves. Ends carry their UID, so an
// object that is made anew under the same name needs a new approval.
type Scope struct {
	Consumer       End                         `json:"consumer"`
	Provider       End                         `json:"provider"`
	Service        End                         `json:"service"`
	Operations     []v1alpha1.Operation        `json:"operations"`
	Port           int32                       `json:"port"`
	Classification v1alpha1.DataClassification `json:"classification"`
	Purpose        string                      `json:"purpose"`
	LegalBasis     string                      `json:"legalBasis"`
	ValidUntil     int64                       `json:"validUntil"`
	RateLimit      int32                       `json:"rateLimit"`
	Route          v1alpha1.LinkRoute          `json:"route"`
	// Via is the sharing platform's portal for the route Platform.
	Via *End `json:"via,omitempty"`
}

// End is one object that a scope names.
type End struct {
	Agency string    `json:"agency"`
	Name   string    `json:"name"`
	UID    types.UID `json:"uid"`
}

// Hash returns "sha256:" and the hash of the scope. Neither the order in which
// operations are listed matters nor how an editor writes the same words.
func (s Scope) Hash() string {
	s.Purpose, s.LegalBasis = text.Normalise(s.Purpose), text.Normalise(s.LegalBasis)
	s.Operations = slices.Clone(s.Operations)
	slices.SortFunc(s.Operations, func(a, b v1alpha1.Operation) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Method, b.Method), strings.Compare(a.Path, b.Path))
	})
	// A struct of strings and numbers always marshals, in the order of its fields.
	data, err := json.Marshal(s)
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
}

// Objects is true when the side has decided against the scope, and not merely
// stayed silent about it.
func (v Verdict) Objects() bool {
	return v.Reason == v1alpha1.ReasonLinkSuspended || v.Reason == v1alpha1.ReasonRejected
}

// Decide combines the approvals of one side about a link. A suspension counts
// whatever scope it was made for; a rejection and an approval count for the
// scope of their hash only; what closes beats what opens.
func Decide(approvals []v1alpha1.DataSharingApproval, hash string) Verdict {
	v := Verdict{Reason: v1alpha1.ReasonApprovalMissing}
	rank := 0
	for i := range approvals {
		a := &approvals[i]
		r, next := judge(a, hash)
		next.By, next.Words = a.Namespace+"/"+a.Name, a.Spec.Reason
		if r > rank || r == rank && r > 0 && next.By < v.By {
			rank, v = r, next
		}
	}
	return v
}

// judge ranks one approval: the higher rank decides.
func judge(a *v1alpha1.DataSharingApproval, hash string) (rank int, v Verdict) {
	matches := hash != "" && a.Spec.SpecHash == hash
	switch {
	case a.Spec.Decision == v1alpha1.DecisionSuspend:
		return 4, Verdict{Reason: v1alpha1.ReasonLinkSuspended}
	case a.DeletionTimestamp != nil:
		// Revoked; held by somebody's finalizer.
		return 1, Verdict{Reason: v1alpha1.ReasonApprovalStale}
	case a.Spec.Decision == v1alpha1.DecisionReject && matches:
		return 3, Verdict{Reason: v1alpha1.ReasonRejected}
	case a.Spec.Decision == v1alpha1.DecisionApprove && matches:
		return 2, Verdict{Approved: true, Reason: v1alpha1.ReasonApproved}
	default:
		return 1, Verdict{Reason: v1alpha1.ReasonApprovalStale}
	}
}

// Fingerprint says which platforms are duplicates: capability and scope, letter
// case, white space and the way in which accents are written aside.
func Fingerprint(capability, scope string) string {
	sum := sha256.Sum256([]byte(text.Fold(capability) + "\x00" + text.Fold(scope)))
	return hex.EncodeToString(sum[:])[:16]
}
