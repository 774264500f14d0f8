package unreadable

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestSuspensionKeepsItsSide: a veto of an earlier authority that can't be read any
// more is still its own. Fails when the side is not remembered.
func TestSuspensionKeepsItsSide(t *testing.T) {
	for _, side := range []string{"Authority", ""} {
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "platform.gov.vn/v1alpha1", "kind": "DataSharingApproval", "metadata": map[string]any{"namespace": "agency-former", "name": "halt"},
			"spec": map[string]any{"linkRef": map[string]any{"namespace": "agency-asks", "name": "l"}, "decision": []any{}},
		}}
		if side != "" {
			u.Object["status"] = map[string]any{"side": side}
		}
		a, ok := suspension(newEntry(u, errors.New("cannot decode")), "agency-asks/l")
		if !ok || a.Status.Side != v1alpha1.LinkSide(side) {
			t.Errorf("side %q: %q, %v", side, a.Status.Side, ok)
		}
	}
}
