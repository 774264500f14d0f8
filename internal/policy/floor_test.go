package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestEffectiveFloor(t *testing.T) {
	low := policyOf("a", v1alpha1.SecurityPolicySpec{
		PodSecurity:  v1alpha1.PodSecurityBaseline,
		Availability: &v1alpha1.AvailabilityControl{MinReplicas: 2},
		Certificates: &v1alpha1.CertificateControl{MinTLSVersion: "1.2"},
		Logging:      &v1alpha1.LoggingControl{RetentionMonths: 1},
		Isolation:    &v1alpha1.IsolationControl{NodePool: "open"},
		Network:      &v1alpha1.NetworkControl{},
	})
	high := policyOf("b", v1alpha1.SecurityPolicySpec{
		Mode:         v1alpha1.ModeEnforce,
		PodSecurity:  v1alpha1.PodSecurityRestricted,
		Availability: &v1alpha1.AvailabilityControl{MinReplicas: 3},
		Certificates: &v1alpha1.CertificateControl{MinTLSVersion: "1.3"},
		Logging:      &v1alpha1.LoggingControl{RetentionMonths: 12},
		Isolation:    &v1alpha1.IsolationControl{NodePool: "sensitive", RuntimeClassName: "gvisor"},
		Network:      &v1alpha1.NetworkControl{DenyInternetEgress: true},
	})
	audited := *high.DeepCopy()
	audited.Spec.Mode = v1alpha1.ModeAudit
	lowFloor := Floor{NodePool: "open", RetentionMonths: 1, MinReplicas: 2, MinTLSVersion: "1.2", PodSecurity: v1alpha1.PodSecurityBaseline}
	both := Floor{NodePool: "open", RuntimeClassName: "gvisor", RetentionMonths: 12, MinReplicas: 3, DenyInternetEgress: true, MinTLSVersion: "1.3", PodSecurity: v1alpha1.PodSecurityRestricted}
	tests := []struct {
		name     string
		selected []v1alpha1.SecurityPolicy
		want     Floor
	}{
		{"none", nil, Floor{}},
		{"empty policy", []v1alpha1.SecurityPolicy{policyOf("a", v1alpha1.SecurityPolicySpec{})}, Floor{}},
		{"one, its mode unset", []v1alpha1.SecurityPolicy{low}, lowFloor},
		{"the strictest of two, the first node pool", []v1alpha1.SecurityPolicy{low, high}, both},
		{"a lower one after a higher one", []v1alpha1.SecurityPolicy{high, low}, func() Floor { f := both; f.NodePool = "sensitive"; return f }()},
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
