package backup

import (
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
	n := 0
	for _, phase := range p.Phases {
		n += len(phase.Items)
	}
	if n != len(e.Objects) || n != len(Kinds()) {
		t.Errorf("%d of %d kinds come back, %d are exported", n, len(e.Objects), len(Kinds()))
	}
}
