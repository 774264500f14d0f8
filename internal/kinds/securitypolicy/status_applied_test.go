package securitypolicy

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
)

// TestApplied covers everything that a round of writes can end in.
func TestApplied(t *testing.T) {
	roles := schema.GroupResource{Resource: "roles"}
	tests := []struct {
		name string
		res  child.Result
		err  error
		want kindtest.Summary
		says []string
	}{
		{"done", child.Result{}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, Kstatus: kstatus.CurrentStatus}, nil},
		{"conflict", child.Result{Conflicts: []child.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}}}, nil,
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}, Kstatus: kstatus.FailedStatus},
			[]string{"Service n/s exists", "was not created for this object", "Remove or rename it."}},
		{"two conflicts", child.Result{Conflicts: []child.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}, {Kind: "Namespace", Name: "n"}}}, nil,
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}, Kstatus: kstatus.FailedStatus},
			[]string{"Service n/s, Namespace n exist ", "Remove or rename them."}},
		{"terminating", child.Result{Terminating: []string{"Deployment/n/d"}}, nil,
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}, Kstatus: kstatus.InProgressStatus},
			[]string{"Deployment/n/d is being deleted", "made again when it is gone"}},
		{"refused", child.Result{}, apierrors.NewForbidden(roles, "r", errors.New("no right")),
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, Kstatus: kstatus.InProgressStatus},
			[]string{"refused a write", "no right", "Correct what it names"}},
		{"transient", child.Result{}, apierrors.NewConflict(roles, "r", errors.New("resource version 4711")),
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, Kstatus: kstatus.InProgressStatus},
			[]string{"A write to the API server failed; the operator retries."}},
		{"error before conflicts", child.Result{Conflicts: []child.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}}}, errors.New("connection refused to 192.0.2.1:4711"),
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, Kstatus: kstatus.InProgressStatus},
			[]string{"A write to the API server failed; the operator retries."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policyWith(v1alpha1.ModeEnforce, tt.res, tt.err)
			kindtest.AssertStatus(t, p, tt.want)
			kindtest.AssertMessage(t, p, v1alpha1.ConditionReady, tt.says...)
		})
	}
}
