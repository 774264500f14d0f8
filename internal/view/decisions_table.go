package view

import (
	"cmp"
	"fmt"
	"strings"

	texts "github.com/govplatform/govplatform/internal/text"
)

// DecisionTable shows the entries of a record. A decision that was deleted is not
// shown as what its former giver did.
func DecisionTable(rows []DecisionRow) Table {
	t := Table{Header: []string{"WHEN", "SIDE", "WHO", "DECISION", "SCOPE", "HASH", "REASON"}}
	for _, r := range rows {
		who, decision, reason := r.Approver, r.Decision, r.Reason
		if r.Deleted != "" {
			who, decision, reason = "-", fmt.Sprintf("the %s of %s was deleted", texts.Line(r.Deleted), texts.Line(r.Approver)), ""
		}
		t.Add(Text(Clock(r.Time.Time)), Text(string(r.Side)), Text(who), Text(decision), Text(r.About), Text(cmp.Or(shortHash(r.SpecHash), "-")), Text(reason))
	}
	return t
}

// shortHash is as much of a hash as a table has room for.
func shortHash(hash string) string {
	digits := strings.TrimPrefix(hash, "sha256:")
	return strings.ToValidUTF8(digits[:min(12, len(digits))], "")
}
