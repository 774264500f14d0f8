package apply

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
)

// TestChangedParts: what the operator writes counts, and neither what others may write
// nor what Kubernetes itself does.
func TestChangedParts(t *testing.T) {
	for name, tt := range map[string]struct {
		manager, subresource, fields string
		want                         []string
	}{
		"a spec":                {"kubectl-edit", "", `{"f:spec":{"f:egress":{}}}`, []string{"spec"}},
		"rules and subjects":    {"x", "", `{"f:subjects":{},"f:roleRef":{}}`, []string{"roleRef", "subjects"}},
		"a label of ours":       {"x", "", `{"f:metadata":{"f:labels":{"f:platform.gov.vn/agency":{}}}}`, []string{"labels"}},
		"an owner":              {"x", "", `{"f:metadata":{"f:ownerReferences":{}}}`, []string{"ownerReferences"}},
		"a label of others":     {"x", "", `{"f:metadata":{"f:labels":{"f:team":{}},"f:annotations":{"f:note":{}}}}`, nil},
		"a status":              {"kube-controller-manager", "status", `{"f:status":{"f:replicas":{}}}`, nil},
		"an autoscaler":         {"kube-controller-manager", "scale", `{"f:spec":{"f:replicas":{}}}`, nil},
		"somebody who scales":   {"kubectl", "scale", `{"f:spec":{"f:replicas":{}}}`, []string{"spec"}},
		"what can't be decoded": {"x", "", `[`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := changedParts(metav1.ManagedFieldsEntry{Manager: tt.manager, Subresource: tt.subresource, FieldsV1: metav1.NewFieldsV1(tt.fields)})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if changedParts(metav1.ManagedFieldsEntry{Manager: "x"}) != nil {
		t.Error("no fields are parts")
	}
}

// TestLedger: all rounds of a context are in one ledger, in their order.
// Fails when a removal, or what is made again, is not written down.
func TestLedger(t *testing.T) {
	existing, inventory := stale()
	f := newFaulty(t, existing...)
	ctx, ledger := Recording(t.Context())
	wanted := portalObjects()
	gone := entryOf(wanted[0], wanted[0])
	res, err := f.Apply(ctx, owner, append(inventory, *gone), wanted)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range ledger.Changes() {
		got = append(got, string(c.Did)+" "+c.GVK.Kind+" "+c.Name)
	}
	if got[0] != "Removed NetworkPolicy tax-filing-old" || got[len(got)-1] != "Removed HorizontalPodAutoscaler tax-filing-old" || len(got) != len(order) {
		t.Errorf("wrote down %q", got)
	}
	if restored := "Restored " + gone.Kind + " " + gone.Name; !slices.Contains(got, restored) {
		t.Errorf("%s is not written down: %q", restored, got)
	}
	if !res.Wrote("Deployment") || res.Wrote("NoKind") {
		t.Error("what was written is not known")
	}
	_, ledger = Recording(t.Context())
	if _, err := f.Apply(t.Context(), owner, []v1alpha1.InventoryEntry{}, []desired.Object{}); err != nil || len(ledger.Changes()) > 0 {
		t.Errorf("another context's rounds are written down: %v %v", ledger.Changes(), err)
	}
}
