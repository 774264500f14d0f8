package portal

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/object"
)

// TestWhatRunsUnrecorded: what stays without a record is said to stay, with its URL;
// and what failed is forgotten when it is gone, not before.
// Fails when the last compliant spec is forgotten while its Deployment stands: what
// could not be removed then runs without a record.
func TestWhatRunsUnrecorded(t *testing.T) {
	violation := object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonViolation, Message: "SecurityPolicy s is violated."}
	for name, tt := range map[string]struct {
		out       Output
		inventory []v1alpha1.InventoryEntry
		reason    string
		url, last bool
	}{
		"unrecorded":     {Output{Unrecorded: true, Hold: true}, []v1alpha1.InventoryEntry{{Kind: "Deployment"}}, v1alpha1.ReasonKeptLastCompliant, true, true},
		"failed, stands": {Output{LastFailed: true}, []v1alpha1.InventoryEntry{{Kind: "Deployment"}}, v1alpha1.ReasonViolation, false, true},
		"failed, gone":   {Output{LastFailed: true}, nil, v1alpha1.ReasonViolation, false, false},
	} {
		p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "web", Generation: 1}}
		p.Status.URL, p.Status.LastCompliant = "http://web", &v1alpha1.AgencyPortalSpec{}
		tt.out.Blockers = []object.Blocker{violation}
		SetStatus(Input{Portal: p}, tt.out, child.Result{Inventory: tt.inventory}, nil)
		c := conditionOf(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
		if c.Status != metav1.ConditionFalse || c.Reason != tt.reason || !strings.Contains(c.Message, violation.Message) {
			t.Errorf("%s: %+v", name, c)
		}
		if (p.Status.URL != "") != tt.url || (p.Status.LastCompliant != nil) != tt.last {
			t.Errorf("%s: URL %q, last compliant %v", name, p.Status.URL, p.Status.LastCompliant)
		}
	}
}

func conditionOf(all []metav1.Condition, name string) metav1.Condition {
	for _, c := range all {
		if c.Type == name {
			return c
		}
	}
	return metav1.Condition{}
}
