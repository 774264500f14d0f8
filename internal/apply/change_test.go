package apply

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// TestChangedParts: whoever has written what differs is named, and neither who has
// written what is as it was, nor what Kubernetes itself does.
// Fails when ownership alone counts.
func TestChangedParts(t *testing.T) {
	state := func(egress string, replicas int64, label string) map[string]any {
		return map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"platform.gov.vn/agency": label, "team": "x"}, "resourceVersion": egress},
			"spec":     map[string]any{"egress": []any{egress}, "replicas": replicas, "template": map[string]any{"spec": map[string]any{"containers": []any{egress}, "hostNetwork": false}}},
			"status":   map[string]any{"replicas": replicas},
		}
	}
	before, after := state("open", 3, "forged"), state("shut", 2, "finance")
	for name, tt := range map[string]struct {
		manager, subresource, fields string
		want                         []string
	}{
		"a list":                {"kubectl-edit", "", `{"f:spec":{"f:egress":{}}}`, []string{"spec.egress"}},
		"deeper":                {"x", "", `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{}}}}}}`, []string{"spec.template"}},
		"deeper, and as it was": {"x", "", `{"f:spec":{"f:template":{"f:spec":{"f:hostNetwork":{}}}}}`, nil},
		"a label of ours":       {"x", "", `{"f:metadata":{"f:labels":{"f:platform.gov.vn/agency":{}}}}`, []string{"metadata.labels"}},
		"a label of others":     {"x", "", `{"f:metadata":{"f:labels":{"f:team":{}}}}`, nil},
		"a status":              {"kube-controller-manager", "status", `{"f:status":{"f:replicas":{}}}`, nil},
		"an autoscaler":         {"kube-controller-manager", "scale", `{"f:spec":{"f:replicas":{}}}`, nil},
		"somebody who scales":   {"kubectl", "scale", `{"f:spec":{"f:replicas":{}}}`, []string{"spec.replicas"}},
		"the operator":          {names.FieldOwner, "", `{"f:spec":{"f:egress":{}}}`, nil},
		"what can't be decoded": {"x", "", `[`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := changedParts(metav1.ManagedFieldsEntry{Manager: tt.manager, Subresource: tt.subresource, FieldsV1: metav1.NewFieldsV1(tt.fields)}, before, after)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if changedParts(metav1.ManagedFieldsEntry{Manager: "x"}, before, after) != nil {
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
	if _, err := f.Apply(t.Context(), owner, []v1alpha1.InventoryEntry{}, []object.Object{}); err != nil || len(ledger.Changes()) > 0 {
		t.Errorf("another context's rounds are written down: %v %v", ledger.Changes(), err)
	}
}
