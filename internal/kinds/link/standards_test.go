package link

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/policy"
)

// TestLinksRestOnWhatRuns: an edit that the standards keep from running closes no
// link, takes no dataset and keeps what was approved; what does not run, what the
// newest spec makes stricter, and an edit that is about to run and was not
// approved, do. Nobody approves one spec and gets another one.
// Fails when the newest spec alone is held against the standards, when the scope is
// that of a newest spec that is kept, and when what runs is not looked at while an
// edit is about to run.
func TestLinksRestOnWhatRuns(t *testing.T) {
	const good, other, evil = "registry.example.gov.vn/good/a:1", "registry.example.gov.vn/other/a:1", "registry.example.org/evil/a:1"
	keptNow := []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonKeptLastCompliant, ObservedGeneration: 7}}
	keptBefore := []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonKeptLastCompliant, ObservedGeneration: 6}}
	compliant := []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}}
	violates := []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonViolation}}
	for name, tt := range map[string]struct {
		conditions []metav1.Condition
		change     func(newest, last *v1alpha1.AgencyPortalSpec)
		nothing    bool // runs
		open       bool
		image      string // of the end in the scope
	}{
		"as approved":                   {compliant, func(_, _ *v1alpha1.AgencyPortalSpec) {}, false, true, good},
		"an edit that is not looked at": {compliant, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Image = evil }, false, true, good},
		"an edit that is kept":          {keptNow, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Image = evil }, false, true, good},
		"kept, and stricter": {keptNow, func(n, _ *v1alpha1.AgencyPortalSpec) {
			n.Image, n.DataClassification = evil, v1alpha1.ClassificationPersonal
		}, false, false, good},
		"kept until standards were looser": {keptNow, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Image = other }, false, false, other},
		"approved, and kept from running":  {keptNow, func(_, l *v1alpha1.AgencyPortalSpec) { l.Image = other }, false, false, good},
		"approved, and not looked at":      {compliant, func(_, l *v1alpha1.AgencyPortalSpec) { l.Image = other }, false, false, good},
		"approved, after one that is kept": {keptBefore, func(_, l *v1alpha1.AgencyPortalSpec) { l.Image = other }, false, false, good},
		"not approved, and not looked at":  {compliant, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Image = other }, false, false, other},
		"immaterial, and not looked at":    {compliant, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Replicas.Min = 3 }, false, true, good},
		"what runs does not comply":        {keptNow, func(n, l *v1alpha1.AgencyPortalSpec) { n.Image, l.Image = evil, evil+"2" }, false, false, ""},
		"nothing runs":                     {violates, func(n, _ *v1alpha1.AgencyPortalSpec) { n.Image = evil }, true, false, ""},
	} {
		for i, end := range []func(*Input) *v1alpha1.AgencyPortal{
			func(in *Input) *v1alpha1.AgencyPortal { return in.Consumer.Portal },
			func(in *Input) *v1alpha1.AgencyPortal { return in.Provider.Portal },
			func(in *Input) *v1alpha1.AgencyPortal { return in.Via.Portal },
		} {
			in := approvedLink(viaPlatform, func(in *Input) {
				in.Policies[0].Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.example.gov.vn"}}
				for _, p := range []*v1alpha1.AgencyPortal{in.Consumer.Portal, in.Provider.Portal, in.Via.Portal} {
					p.Spec.Image, p.Generation = good, 7
					p.Status.LastCompliant = p.Spec.DeepCopy()
				}
			})
			p := end(&in)
			tt.change(&p.Spec, p.Status.LastCompliant)
			p.Status.Conditions = tt.conditions
			if tt.nothing {
				p.Status.LastCompliant = nil
			}
			out := Decide(in)
			if out.Open != tt.open || out.Open != (len(out.Objects) > 0) {
				t.Errorf("%s, %s: open %t with %d policies, want %t: %+v", name, p.Name, out.Open, len(out.Objects), tt.open, out.References)
			}
			scope, ok := ScopeOf(in)
			if ok != (tt.image != "") {
				t.Fatalf("%s, %s: a scope %t", name, p.Name, ok)
			}
			if !ok {
				continue
			}
			if got := []string{scope.Consumer.Image, scope.Provider.Image, scope.Via.Image}[i]; got != policy.Repository(tt.image) {
				t.Errorf("%s, %s: the scope has image %s, want %s", name, p.Name, got, tt.image)
			}
		}
	}
	lacking := approvedLink()
	lacking.Consumer.Portal.Status.LastCompliant = lacking.Consumer.Portal.Spec.DeepCopy()
	lacking.Consumer.Portal.Spec.Image, lacking.Consumer.Portal.Generation = other, 7
	lacking.Consumer.Portal.Status.Conditions = keptNow
	lacking.Consumer.Portal.Status.Findings = []v1alpha1.PolicyFinding{{Policy: portal.BuiltIn, Control: portal.PlatformRefs}}
	if out := Decide(lacking); !out.Open {
		t.Errorf("an edit that is kept for want of a platform closes the link: %+v", out.References)
	}
	owner := endOf("giver", "serves", 8443)
	owner.Portal.Spec.Image, owner.Portal.Status.LastCompliant = evil, owner.Portal.Spec.DeepCopy()
	owner.Portal.Status.Conditions = keptNow
	if !service.ValidClaim(linkInput().Service, owner) {
		t.Error("an edit that does not run takes the dataset")
	}
}
