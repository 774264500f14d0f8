package desired

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestLinksRestOnWhatRuns: an edit that the standards keep from running closes no
// link, takes no dataset and keeps what was approved; what does not run, and what
// the newest spec makes stricter, does.
// Fails when the newest spec alone is held against the standards, and when the
// scope is that of the newest spec.
func TestLinksRestOnWhatRuns(t *testing.T) {
	const good, evil = "registry.example.gov.vn/good/a:1", "registry.example.org/evil/a:1"
	kept := metav1.Condition{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonKeptLastCompliant}
	compliant := metav1.Condition{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue}
	for _, end := range []func(*LinkInput) *v1alpha1.AgencyPortal{
		func(in *LinkInput) *v1alpha1.AgencyPortal { return in.Consumer.Portal },
		func(in *LinkInput) *v1alpha1.AgencyPortal { return in.Provider.Portal },
		func(in *LinkInput) *v1alpha1.AgencyPortal { return in.Via.Portal },
	} {
		in := approvedLink(viaPlatform, func(in *LinkInput) {
			in.Policies[0].Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.example.gov.vn"}}
			for _, p := range []*v1alpha1.AgencyPortal{in.Consumer.Portal, in.Provider.Portal, in.Via.Portal} {
				p.Spec.Image = good
				p.Status.LastCompliant = p.Spec.DeepCopy()
			}
		})
		approved := DataSharingLink(in)
		if !approved.Open {
			t.Fatalf("%+v", approved.References)
		}
		p := end(&in)
		last := p.Status.LastCompliant
		for _, tt := range []struct {
			name   string
			change func()
			open   bool
		}{
			{"the edit is not looked at yet", func() { p.Spec.Image = evil }, true},
			{"the edit is kept from running", func() { p.Status.Conditions = []metav1.Condition{kept} }, true},
			{"and asks for stricter data", func() { p.Spec.DataClassification = v1alpha1.ClassificationPersonal }, false},
			{"what runs does not comply any more", func() {
				p.Spec.DataClassification = last.DataClassification
				p.Status.LastCompliant = last.DeepCopy()
				p.Status.LastCompliant.Image = evil + "2"
			}, false},
			{"nothing runs", func() { p.Status.LastCompliant, p.Status.Conditions[0].Reason = nil, v1alpha1.ReasonViolation }, false},
			{"it is mended", func() {
				p.Spec.Image, p.Status.LastCompliant, p.Status.Conditions = good, last, []metav1.Condition{compliant}
			}, true},
		} {
			tt.change()
			out := DataSharingLink(in)
			if out.Open != tt.open {
				t.Errorf("%s: %s: open %t, want %t: %+v", p.Name, tt.name, out.Open, tt.open, out.References)
			}
			if tt.open && out.Hash != approved.Hash {
				t.Errorf("%s: %s: another scope", p.Name, tt.name)
			}
			if scope, ok := ScopeOf(in); ok != tt.open || ok && scope.Consumer.Image != approved.Scope.Consumer.Image {
				t.Errorf("%s: %s: scope %t", p.Name, tt.name, ok)
			}
		}
	}
	service := linkInput().Service
	owner := endOf("giver", "serves", 8443)
	owner.Portal.Spec.Image, owner.Portal.Status.LastCompliant = evil, owner.Portal.Spec.DeepCopy()
	owner.Portal.Status.Conditions = []metav1.Condition{kept}
	if !ValidClaim(service, owner) {
		t.Error("an edit that does not run takes the dataset")
	}
}
