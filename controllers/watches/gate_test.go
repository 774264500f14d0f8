package watches

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestPortalGate: what others read of a portal's status reaches them, and nothing else does,
// above all not that it is Ready. Every field of the status stands here.
// Fails without any one of those that pass, with Ready among them, and for a new field.
func TestPortalGate(t *testing.T) {
	condition := func(kind string) func(*v1alpha1.AgencyPortalStatus) {
		return func(s *v1alpha1.AgencyPortalStatus) {
			s.Conditions = append(s.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "x"})
		}
	}
	type change struct {
		passes bool
		do     func(*v1alpha1.AgencyPortalStatus)
	}
	fields := map[string]change{
		"ObservedGeneration": {true, func(s *v1alpha1.AgencyPortalStatus) { s.ObservedGeneration = 2 }},
		"Conditions":         {true, condition(v1alpha1.ConditionPolicyCompliant)},
		"Inventory":          {false, func(s *v1alpha1.AgencyPortalStatus) { s.Inventory = []v1alpha1.InventoryEntry{{Name: "p"}} }},
		"Agency":             {false, func(s *v1alpha1.AgencyPortalStatus) { s.Agency = "a" }},
		"SecurityLevel":      {false, func(s *v1alpha1.AgencyPortalStatus) { s.SecurityLevel = 3 }},
		"URL":                {false, func(s *v1alpha1.AgencyPortalStatus) { s.URL = "https://a.gov.vn" }},
		"Ports":              {true, func(s *v1alpha1.AgencyPortalStatus) { s.Ports = []int32{8080} }},
		"PublicServices":     {false, func(s *v1alpha1.AgencyPortalStatus) { s.PublicServices.Declared = 1 }},
		"Policies":           {false, func(s *v1alpha1.AgencyPortalStatus) { s.Policies = []string{"p"} }},
		"Findings":           {true, func(s *v1alpha1.AgencyPortalStatus) { s.Findings = []v1alpha1.PolicyFinding{{Policy: "p"}} }},
		"LastCompliant":      {true, func(s *v1alpha1.AgencyPortalStatus) { s.LastCompliant = &v1alpha1.AgencyPortalSpec{} }},
		"PlatformConsents":   {true, func(s *v1alpha1.AgencyPortalStatus) { s.PlatformConsents = []v1alpha1.PlatformConsent{{Name: "p"}} }},
		"Replacing":          {true, func(s *v1alpha1.AgencyPortalStatus) { s.Replacing = &v1alpha1.PortalReplacement{From: "a"} }},
	}
	gate := PortalGate()
	for _, of := range []any{v1alpha1.StatusBase{}, v1alpha1.AgencyPortalStatus{}} {
		for i := range reflect.TypeOf(of).NumField() {
			if f := reflect.TypeOf(of).Field(i); !f.Anonymous && fields[f.Name].do == nil {
				t.Errorf("status.%s of portals: say in controllers/watches/gate_test.go whether links, platforms or other portals read it, and have PortalGate pass it if they do", f.Name)
			}
		}
	}
	fields["Ready"] = change{false, condition(v1alpha1.ConditionReady)}
	for name, c := range fields {
		before, after := &v1alpha1.AgencyPortal{}, &v1alpha1.AgencyPortal{}
		c.do(&after.Status)
		for _, e := range []event.UpdateEvent{{ObjectOld: before, ObjectNew: after}, {ObjectOld: after, ObjectNew: before}} {
			if got := gate.Update(e); got != c.passes {
				t.Errorf("%s: passes %t, want %t", name, got, c.passes)
			}
		}
	}
	before, after := &v1alpha1.AgencyPortal{}, &v1alpha1.AgencyPortal{}
	condition(v1alpha1.ConditionPolicyCompliant)(&before.Status)
	condition(v1alpha1.ConditionPolicyCompliant)(&after.Status)
	after.Status.Conditions[0].ObservedGeneration = 1
	if !gate.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}) || !gate.Update(event.UpdateEvent{ObjectOld: after, ObjectNew: before}) {
		t.Error("that a newer spec was judged as the former one does not pass")
	}
}
