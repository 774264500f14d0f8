package reconcile

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestLastCompliantGoesLast: the last compliant spec of a large portal is stored
// while the store takes it, whatever else is left out for it; the condition says when
// it is not. Findings keep what decides and is counted.
// Fails when the last compliant spec goes beyond the bound that leaves room for the
// largest metadata.
func TestLastCompliantGoesLast(t *testing.T) {
	for name, tt := range map[string]struct {
		kib        int
		full       bool
		kept, tidy bool
		asked      int
	}{
		"small":                 {4, false, true, true, 1},
		"from before the bound": {500, false, true, false, 1},
		"the store is full":     {500, true, false, false, 2},
		"larger than any store": {800, false, false, false, 1},
	} {
		asked := 0
		l, c := loopOver(t, func(_ context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
			for i := range tt.kib {
				p.Spec.Env = append(p.Spec.Env, v1alpha1.EnvVar{Name: fmt.Sprintf("V%d", i), Value: strings.Repeat("a", 1024)})
			}
			p.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "X", Message: "All is well."}}
			p.Status.LastCompliant = p.Spec.DeepCopy()
			p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "web", UID: "u"}}
			p.Status.Findings = []v1alpha1.PolicyFinding{{Policy: "x", Mode: v1alpha1.ModeEnforce, Control: "images", Found: "f", Wanted: "w"}}
			return ctrl.Result{}, nil
		}, pass, func(p *v1alpha1.AgencyPortal) error {
			if asked++; tt.full && p.Status.LastCompliant != nil {
				return tooLarge
			}
			return nil
		})
		if _, err := l.Reconcile(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		var p v1alpha1.AgencyPortal
		if err := c.Get(t.Context(), request.NamespacedName, &p); err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(p.Status.Conditions[0].Message, "status.lastCompliant: the spec is too large")
		if (p.Status.LastCompliant != nil) != tt.kept || said == tt.kept || asked != tt.asked {
			t.Errorf("%s: kept %v, said %v, asked %d times", name, p.Status.LastCompliant != nil, said, asked)
		}
		f := p.Status.Findings
		if len(f) != 1 || f[0].Policy != "x" || f[0].Control != "images" || f[0].Mode != v1alpha1.ModeEnforce || (f[0].Found == "f") != tt.tidy {
			t.Errorf("%s: findings %+v", name, f)
		}
		if (len(p.Status.Inventory) == 1) != tt.tidy {
			t.Errorf("%s: %d objects in the inventory", name, len(p.Status.Inventory))
		}
	}
}
