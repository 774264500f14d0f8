package portal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
)

// TestFreshObjectIsInProgress: an object that the operator has not seen yet,
// with the status that the schema gives it, never looks ready.
func TestFreshObjectIsInProgress(t *testing.T) {
	for _, d := range kinds.All() {
		o := d.New()
		o.SetGeneration(1)
		o.GetStatusBase().ObservedGeneration = -1
		if got := kindtest.Compute(t, o); got != kstatus.InProgressStatus {
			t.Errorf("%T: kstatus = %s, want InProgress", o, got)
		}
	}
}

// TestThreat14_LookupFailed: what could not be read is unknown, never ready, and
// what was found before stays as it was.
func TestThreat14_LookupFailed(t *testing.T) {
	before := metav1.Condition{Type: v1alpha1.ConditionParentResolved, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTopLevel, Message: "The agency has no parent.", ObservedGeneration: 3, LastTransitionTime: kindtest.Earlier}
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation}}
	a.Status.Conditions = []metav1.Condition{before,
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady},
		{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonConflict}}
	conditions.LookupFailed(a.GetStatusBase(), kindtest.Generation)
	kindtest.AssertStatus(t, a, kindtest.Summary{Conditions: map[string]string{"ParentResolved": "True TopLevel", "Ready": "Unknown LookupFailed", "Reconciling": "True LookupFailed"}, Kstatus: kstatus.InProgressStatus})
	if diff := cmp.Diff(&before, meta.FindStatusCondition(a.Status.Conditions, before.Type)); diff != "" {
		t.Errorf("an earlier finding changed (-want +got):\n%s", diff)
	}
}
