package lifecycle

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestRestoreKeepsTheAuthoritys: what the authority of the export stopped is restored
// as the authority's, also where the settings name another one by now.
// Fails when a restore leaves out the side of a decision.
func TestRestoreKeepsTheAuthoritys(t *testing.T) {
	env := start(t)
	under := func(authority string) *harness.Operator {
		s := settings.Default()
		s.AuthorityAgency = authority
		return env.Operator(t, harness.OperatorOptions{Settings: &s})
	}
	op := under("first")
	world(t, env)
	first := harness.Agency("first", "Z91FIRST")
	env.Create(t, first)
	env.WaitReady(t, first)
	kept := linkNamed("kept")
	veto := harness.Approval("first", kept, v1alpha1.DecisionSuspend)
	env.Create(t, veto)
	suspended := func() {
		t.Helper()
		env.WaitCondition(t, kept, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
		env.WaitCondition(t, kept, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	}
	suspended()
	op.WaitQuiet(t, quiet)
	data := exportedNow(t, env.Admin)
	if err := env.Admin.Delete(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, kept)
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	under("second")
	for range 2 {
		if said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: harness.Timeout, OnConflict: cli.ConflictKeep}); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		suspended()
	}
}
