package status

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/policy"
)

func policyWith(mode v1alpha1.PolicyMode, res apply.Result, err error) *v1alpha1.SecurityPolicy {
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: generation}, Spec: v1alpha1.SecurityPolicySpec{Mode: mode}}
	in := desired.PolicyInput{Policy: p}
	SecurityPolicy(in, desired.SecurityPolicy(in), res, err)
	return p
}

func TestSecurityPolicy(t *testing.T) {
	tests := []struct {
		name string
		mode v1alpha1.PolicyMode
		want summary
	}{
		{"enforced", v1alpha1.ModeEnforce, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, kstatus.CurrentStatus}},
		{"mode unset enforces", "", summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, kstatus.CurrentStatus}},
		{"audited", v1alpha1.ModeAudit, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "Enforced": "False Auditing", "Ready": "True Auditing"}, kstatus.CurrentStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assertStatus(t, policyWith(tt.mode, apply.Result{}, nil), tt.want)
		})
	}
}

// TestSecurityPolicyCounts counts what the portals' status shows.
func TestSecurityPolicyCounts(t *testing.T) {
	finding := func(policy string) v1alpha1.AgencyPortal {
		return v1alpha1.AgencyPortal{Status: v1alpha1.AgencyPortalStatus{Findings: []v1alpha1.PolicyFinding{{Policy: policy}}}}
	}
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	in := desired.PolicyInput{Policy: p, Portals: []v1alpha1.AgencyPortal{finding("p"), finding("other"), {}}}
	SecurityPolicy(in, desired.SecurityPolicy(in), apply.Result{}, nil)
	got := []int32{p.Status.Matched, p.Status.Compliant, p.Status.Violating}
	if diff := cmp.Diff([]int32{3, 2, 1}, got); diff != "" {
		t.Errorf("matched, compliant, violating differ (-want +got):\n%s", diff)
	}
}

// TestPolicyOfUnknownAgencies: a policy that names agencies that do not exist is ready,
// so that agencies can come after it, and says so in a condition and in Ready.
func TestPolicyOfUnknownAgencies(t *testing.T) {
	for mode, reason := range map[v1alpha1.PolicyMode]string{v1alpha1.ModeAudit: v1alpha1.ReasonAuditing, v1alpha1.ModeEnforce: v1alpha1.ReasonEnforcing} {
		p := &v1alpha1.SecurityPolicy{Spec: v1alpha1.SecurityPolicySpec{Mode: mode}}
		in := desired.PolicyInput{Policy: p, AbsentAgencies: []policy.NamedAgencies{{Field: "spec.selector.agencies", Agencies: []v1alpha1.AgencyName{"finanse"}}}}
		SecurityPolicy(in, desired.SecurityPolicy(in), apply.Result{}, nil)
		assertMessage(t, p, v1alpha1.ConditionReady, `spec.selector.agencies: there is no Agency "finanse"`, "correct it, or create the agency")
		assertMessage(t, p, v1alpha1.ConditionAgenciesResolved, `spec.selector.agencies: there is no Agency "finanse"`)
		ready, resolved := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAgenciesResolved)
		if ready.Status != metav1.ConditionTrue || ready.Reason != reason || resolved.Status != metav1.ConditionFalse || resolved.Reason != v1alpha1.ReasonAgencyNotFound {
			t.Errorf("%s: Ready is %s %s, AgenciesResolved is %s %s", mode, ready.Status, ready.Reason, resolved.Status, resolved.Reason)
		}
	}
}

// TestPolicyOfNobody fails when a policy whose selector has a typo says no more
// than one that holds portals.
func TestPolicyOfNobody(t *testing.T) {
	for _, mode := range []v1alpha1.PolicyMode{v1alpha1.ModeAudit, v1alpha1.ModeEnforce} {
		for portals, want := range map[int]bool{0: true, 1: false} {
			p := &v1alpha1.SecurityPolicy{Spec: v1alpha1.SecurityPolicySpec{Mode: mode}}
			in := desired.PolicyInput{Policy: p, Portals: make([]v1alpha1.AgencyPortal, portals)}
			SecurityPolicy(in, desired.SecurityPolicy(in), apply.Result{}, nil)
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if got := strings.Contains(ready.Message, "typo in spec.selector"); got != want {
				t.Errorf("%s with %d portals: %q", mode, portals, ready.Message)
			}
		}
	}
}
