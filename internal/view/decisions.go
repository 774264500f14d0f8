package view

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// What the scope of a decision is to the link's present one.
const (
	aboutPresent = "Present"
	aboutAnother = "Another"
	aboutAny     = "Any"
)

// DecisionRow is one entry of a link's record.
type DecisionRow struct {
	v1alpha1.LinkDecision `json:",inline"`
	// Deleted is the decision that an entry Revoked is about. The approver is who
	// had given that; who deleted it is not on the record.
	Deleted string `json:"deleted,omitempty"`
	// About is Present when it was about the link's present scope, Another, or Any.
	About string `json:"about"`
}

// Decisions reads who decided what about a link and when, the oldest first.
func Decisions(ctx context.Context, reader client.Reader, link client.ObjectKey) ([]DecisionRow, error) {
	var l v1alpha1.DataSharingLink
	if err := reader.Get(ctx, link, &l); err != nil {
		return nil, ExplainRead(err, v1alpha1.KindDataSharingLink, link.String())
	}
	rows := []DecisionRow{}
	for i, d := range l.Status.Decisions {
		row := DecisionRow{LinkDecision: d, About: about(d, l.Status.SpecHash)}
		if d.Decision == string(v1alpha1.DecisionRevoked) {
			row.Deleted = Revoked(l.Status.Decisions, i)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// about compares the scope of a decision with the present one.
func about(d v1alpha1.LinkDecision, present string) string {
	switch d.SpecHash {
	case "":
		return aboutAny
	case present:
		return aboutPresent
	default:
		return aboutAnother
	}
}

// Revoked returns the decision that the entry Revoked with the index i is about: the
// one before it of the same object.
func Revoked(all []v1alpha1.LinkDecision, i int) string {
	for _, d := range slices.Backward(all[:i]) {
		if d.UID == all[i].UID && d.Decision != string(v1alpha1.DecisionRevoked) {
			return d.Decision
		}
	}
	return "decision"
}
