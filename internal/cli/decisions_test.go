package cli

import (
	"bytes"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// TestDecisionsGolden: a deletion is not shown as what the former decider did. It
// fails where an entry Revoked is a row like the others.
func TestDecisionsGolden(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 3, 2, 2, 14, 0, 0, time.UTC))
	now := "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-finance", Name: "residents"}}
	l.Status.SpecHash = now
	l.Status.Decisions = []v1alpha1.LinkDecision{
		{Side: v1alpha1.SideProvider, Decision: "Approve", Approver: "mai", SpecHash: "sha256:bbbbbbbbbbbbbbbb", Time: at, UID: "1"},
		{Side: v1alpha1.SideProvider, Decision: "Approve", Approver: "mai", SpecHash: now, Time: at, UID: "1"},
		{Side: v1alpha1.SideAuthority, Decision: "Suspend", Approver: "lan", Time: at, UID: "2", Reason: "Điều tra"},
		{Side: v1alpha1.SideProvider, Decision: "Revoked", Approver: "mai", SpecHash: now, Time: at, UID: "1", Reason: "The approval was deleted."},
	}
	rows, err := view.Decisions(t.Context(), oneLink{link: l}, client.ObjectKeyFromObject(l))
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := printDecisions(&table, rows, false); err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "testdata/decisions/table.golden", table.String())
	data, err := yaml.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "testdata/decisions/rows.yaml.golden", string(data))
	var shown bytes.Buffer
	printScope(&shown, view.ScopeShown{Link: client.ObjectKeyFromObject(l), Hash: now, Decisions: l.Status.Decisions})
	assertGolden(t, "testdata/decisions/scope.golden", shown.String())

	var none bytes.Buffer
	if err := printDecisions(&none, nil, false); err != nil || none.Len() == 0 {
		t.Errorf("no decision, %v: %q", err, none.String())
	}
}
