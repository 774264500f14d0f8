package securitypolicy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/policy"
)

var digests = &v1alpha1.ImageControl{RequireDigest: true}

func policyWith(mode v1alpha1.PolicyMode, res child.Result, err error) *v1alpha1.SecurityPolicy {
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: kindtest.Generation}, Spec: v1alpha1.SecurityPolicySpec{Mode: mode, Images: digests}}
	in := Input{Policy: p}
	SetStatus(in, Decide(in), res, err)
	return p
}

func TestSecurityPolicy(t *testing.T) {
	tests := []struct {
		name string
		mode v1alpha1.PolicyMode
		want kindtest.Summary
	}{
		{"enforced", v1alpha1.ModeEnforce, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, Kstatus: kstatus.CurrentStatus}},
		{"mode unset enforces", "", kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, Kstatus: kstatus.CurrentStatus}},
		{"audited", v1alpha1.ModeAudit, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Auditing", "Ready": "True Auditing"}, Kstatus: kstatus.CurrentStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kindtest.AssertStatus(t, policyWith(tt.mode, child.Result{}, nil), tt.want)
		})
	}
}

// TestSecurityPolicyCounts counts what the portals' status shows.
func TestSecurityPolicyCounts(t *testing.T) {
	finding := func(policy string) *v1alpha1.AgencyPortal {
		return &v1alpha1.AgencyPortal{Status: v1alpha1.AgencyPortalStatus{Findings: []v1alpha1.PolicyFinding{{Policy: policy}}}}
	}
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	in := Input{Policy: p, Portals: 3, Violators: []*v1alpha1.AgencyPortal{finding("p"), finding("other")}}
	SetStatus(in, Decide(in), child.Result{}, nil)
	got := []int32{p.Status.Matched, p.Status.Compliant, p.Status.Violating}
	if diff := cmp.Diff([]int32{3, 2, 1}, got); diff != "" {
		t.Errorf("matched, compliant, violating differ (-want +got):\n%s", diff)
	}
}

// TestPolicyOfUnknownAgencies: a policy that names agencies that do not exist is ready,
// so that agencies can come after it, and says so in a condition and in Ready.
func TestPolicyOfUnknownAgencies(t *testing.T) {
	for mode, reason := range map[v1alpha1.PolicyMode]string{v1alpha1.ModeAudit: v1alpha1.ReasonAuditing, v1alpha1.ModeEnforce: v1alpha1.ReasonEnforcing} {
		p := &v1alpha1.SecurityPolicy{Spec: v1alpha1.SecurityPolicySpec{Mode: mode, Images: digests}}
		in := Input{Policy: p, AbsentAgencies: []policy.NamedAgencies{{Field: "spec.selector.agencies", Agencies: []v1alpha1.AgencyName{"finanse"}}}}
		SetStatus(in, Decide(in), child.Result{}, nil)
		kindtest.AssertMessage(t, p, v1alpha1.ConditionReady, `spec.selector.agencies: there is no Agency "finanse"`, "correct it, or create the agency")
		kindtest.AssertMessage(t, p, v1alpha1.ConditionAgenciesResolved, `spec.selector.agencies: there is no Agency "finanse"`)
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
			in := Input{Policy: p, Portals: portals}
			SetStatus(in, Decide(in), child.Result{}, nil)
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if got := strings.Contains(ready.Message, "typo in spec.selector"); got != want {
				t.Errorf("%s with %d portals: %q", mode, portals, ready.Message)
			}
		}
	}
}

// TestPolicyWithoutEffect: a policy says which of its controls have no effect, and one
// of which none has does not say that it enforces, or reports.
//
// Fails when status asks only whether the mode is Audit, as it did: every policy said
// "Violations block."; without Unreported: an audited term of links says "Violations
// are reported."
func TestPolicyWithoutEffect(t *testing.T) {
	certificates := &v1alpha1.CertificateControl{IssuerRef: &v1alpha1.IssuerReference{Kind: "ClusterIssuer", Name: "gov"}, MaxDuration: &metav1.Duration{Duration: time.Hour}, MinTLSVersion: "1.3"}
	links := &v1alpha1.DataSharingControl{RequireMutualTLS: true, MaxValidity: &metav1.Duration{Duration: time.Hour}}
	const effective = "Every control of the spec has an effect."
	for name, tt := range map[string]struct {
		spec                   v1alpha1.SecurityPolicySpec
		reason, says, controls string
	}{
		"all enforced": {v1alpha1.SecurityPolicySpec{Images: digests}, v1alpha1.ReasonEnforcing, "Violations block.", effective},
		"some enforced": {v1alpha1.SecurityPolicySpec{Images: digests, DataSharing: links}, v1alpha1.ReasonEnforcing, "Violations block. Stored,",
			"Stored, and without effect in this version: dataSharing.requireMutualTLS."},
		"none enforced": {v1alpha1.SecurityPolicySpec{Certificates: certificates}, v1alpha1.ReasonNoEffect, "Nothing is enforced. Stored,",
			"Stored, and without effect in this version: certificates.issuerRef, certificates.maxDuration, certificates.minTLSVersion."},
		"no control":   {v1alpha1.SecurityPolicySpec{Certificates: &v1alpha1.CertificateControl{}}, v1alpha1.ReasonNoEffect, "Nothing is enforced. The spec", "The spec has no control."},
		"all reported": {v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeAudit, Images: digests}, v1alpha1.ReasonAuditing, "Violations are reported.", effective},
		"none reported": {v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeAudit, DataSharing: links}, v1alpha1.ReasonNoEffect, "Nothing is reported. Stored,",
			"Stored, and without effect in this version: dataSharing.requireMutualTLS. Not reported, and without effect while spec.mode is Audit: dataSharing.maxValidity."},
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.SecurityPolicy{Spec: tt.spec}
			in := Input{Policy: p, Portals: 1}
			SetStatus(in, Decide(in), child.Result{}, nil)
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if ready.Status != metav1.ConditionTrue || ready.Reason != tt.reason || !strings.HasPrefix(ready.Message, tt.says) {
				t.Errorf("Ready is %s %s: %s", ready.Status, ready.Reason, ready.Message)
			}
			if enforced := meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionEnforced); enforced != (tt.reason == v1alpha1.ReasonEnforcing) {
				t.Errorf("Enforced is %v", enforced)
			}
			if got := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionControlsEffective); got.Message != tt.controls || got.Status == metav1.ConditionTrue != (tt.controls == effective) {
				t.Errorf("ControlsEffective is %s: %s", got.Status, got.Message)
			}
			if tt.controls != effective && !strings.Contains(ready.Message, tt.controls) {
				t.Errorf("Ready does not say what has no effect: %s", ready.Message)
			}
		})
	}
}
