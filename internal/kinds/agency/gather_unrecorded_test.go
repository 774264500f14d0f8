package agency

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestUnrecordedPortalIsPersonal: the newest spec counts, what runs in its place, and
// what runs without a record, since nobody knows its class.
// Fails when only recorded specs count.
func TestUnrecordedPortalIsPersonal(t *testing.T) {
	kept := []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonKeptLastCompliant}}
	for name, tt := range map[string]struct {
		spec, last v1alpha1.DataClassification
		conditions []metav1.Condition
		want       bool
	}{
		"public":                {"Public", "", nil, false},
		"personal":              {"Personal", "", nil, true},
		"public, personal runs": {"Public", "Personal", kept, true},
		"public, public runs":   {"Public", "Public", kept, false},
		"public, unknown runs":  {"Public", "", kept, true},
	} {
		p := &v1alpha1.AgencyPortal{Spec: v1alpha1.AgencyPortalSpec{DataClassification: tt.spec}}
		p.Status.Conditions = tt.conditions
		if tt.last != "" {
			p.Status.LastCompliant = &v1alpha1.AgencyPortalSpec{DataClassification: tt.last}
		}
		if got := PersonalPortal(p); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
