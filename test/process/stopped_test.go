package process

import (
	"testing"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestClosingWaitsWhileStopped shows what docs/lifecycle.md says: while the
// operator is stopped a link that was revoked, suspended or past its term stays
// open, and all three close within seconds once it runs.
// Fails when what there is at a start is no event: the revoked link stays open.
func TestClosingWaitsWhileStopped(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	revoked, suspended, expired := openLink(t, "revoked", "W1"), openLink(t, "stopped", "W2"), openLink(t, "expired", "W3")
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), harness.Approval("revoked-giver", revoked, v1alpha1.DecisionApprove)); err != nil {
		t.Fatal(err)
	}
	suspend(t, "stopped-giver", suspended)
	time.Sleep(3 * time.Second)
	for _, l := range []*v1alpha1.DataSharingLink{revoked, suspended, expired} {
		wantLinkPolicies(t, l, 2, time.Second)
	}

	op = env.Operator(t, harness.OperatorOptions{})
	wantLinkPolicies(t, revoked, 0, 20*time.Second)
	wantLinkPolicies(t, suspended, 0, 20*time.Second)
	wantLinkPolicies(t, expired, 2, time.Second)
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}

	// Its clock is past the end of the term.
	past := time.Until(expired.Spec.ValidUntil.Time) + time.Hour
	env.Operator(t, harness.OperatorOptions{Now: func() time.Time { return time.Now().Add(past) }})
	wantLinkPolicies(t, expired, 0, 20*time.Second)
}
