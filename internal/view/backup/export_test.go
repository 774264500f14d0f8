package backup

import (
	"slices"
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// TestEveryKindIsExported fails when a kind of the API is missing from exports,
// or comes back in no step of a restore.
func TestEveryKindIsExported(t *testing.T) {
	e := &Export{}
	for _, d := range kinds.All() {
		o := map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": d.Kind, "metadata": map[string]any{"name": "x"}}
		if d.Kind == v1alpha1.KindDataSharingApproval {
			o["spec"] = map[string]any{"decision": "Suspend"}
		}
		e.Objects = append(e.Objects, o)
	}
	p, err := NewPlan(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range kinds.All() {
		n := 0
		for _, phase := range p.Phases {
			for _, item := range phase.Items {
				if item.GetKind() == d.Kind {
					n++
				}
			}
		}
		if n != 1 {
			t.Errorf("internal/view/backup/plan.go: a %s comes back in %d steps of a restore: add it to a phase of NewPlan, after what it rests on", d.Kind, n)
		}
		if !slices.ContainsFunc(Kinds(), func(k kinds.Descriptor) bool { return k.Kind == d.Kind }) {
			t.Errorf("internal/view/backup/export.go: Kinds has no %s", d.Kind)
		}
	}
}
