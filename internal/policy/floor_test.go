package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
)

func TestEffectiveFloor(t *testing.T) {
	low := policyOf("a", v1alpha1.SecurityPolicySpec{
		Logging:   &v1alpha1.LoggingControl{RetentionMonths: 1},
		Isolation: &v1alpha1.IsolationControl{NodePool: "open"},
	})
	high := policyOf("b", v1alpha1.SecurityPolicySpec{
		Mode:      v1alpha1.ModeEnforce,
		Logging:   &v1alpha1.LoggingControl{RetentionMonths: 12},
		Isolation: &v1alpha1.IsolationControl{NodePool: "sensitive", RuntimeClassName: "gvisor"},
	})
	audited := *high.DeepCopy()
	audited.Spec.Mode = v1alpha1.ModeAudit
	lowFloor := control.Floor{NodePool: "open", RetentionMonths: 1}
	both := control.Floor{NodePool: "open", RuntimeClassName: "gvisor", RetentionMonths: 12}
	tests := []struct {
		name     string
		selected []v1alpha1.SecurityPolicy
		want     control.Floor
	}{
		{"none", nil, control.Floor{}},
		{"empty policy", []v1alpha1.SecurityPolicy{policyOf("a", v1alpha1.SecurityPolicySpec{})}, control.Floor{}},
		{"one, its mode unset", []v1alpha1.SecurityPolicy{low}, lowFloor},
		{"the strictest of two, the first node pool", []v1alpha1.SecurityPolicy{low, high}, both},
		{"a lower one after a higher one", []v1alpha1.SecurityPolicy{high, low}, func() control.Floor { f := both; f.NodePool = "sensitive"; return f }()},
		{"audited ones demand nothing", []v1alpha1.SecurityPolicy{low, audited}, lowFloor},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, EffectiveFloor(tt.selected)); diff != "" {
				t.Errorf("floor differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFloorThatCannotHold: of two node pools one is written, and the workload
// that follows it violates the other.
func TestFloorThatCannotHold(t *testing.T) {
	policies := []v1alpha1.SecurityPolicy{
		policyOf("a", v1alpha1.SecurityPolicySpec{Isolation: &v1alpha1.IsolationControl{NodePool: "sensitive"}}),
		policyOf("b", v1alpha1.SecurityPolicySpec{Isolation: &v1alpha1.IsolationControl{NodePool: "secret"}}),
	}
	if got := EffectiveFloor(policies).NodePool; got != "sensitive" {
		t.Errorf("node pool %q, want the first by name", got)
	}
	got := Evaluate(policies, workload())
	if len(got) != 1 || got[0].Policy != "b" || got[0].Control != "isolation.nodePool" {
		t.Errorf("findings = %+v, want one of policy b", got)
	}
}
