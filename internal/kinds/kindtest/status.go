package kindtest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Generation is that of the objects whose status is tested.
const Generation = 4

// Earlier is a time before the round.
var Earlier = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// Summary is how an object's status reads: its conditions as "status reason",
// the message of Ready, and what kstatus, so Flux and Argo, makes of it.
type Summary struct {
	Conditions map[string]string
	Kstatus    kstatus.Status
}

type reconciled interface {
	metav1.Object
	runtime.Object
	GetStatusBase() *v1alpha1.StatusBase
}

// AssertStatus compares conditions and holds every status to the rules: Ready
// is there, kstatus agrees with it, and a message is a sentence with its end.
func AssertStatus(t *testing.T, o reconciled, want Summary) {
	t.Helper()
	base := o.GetStatusBase()
	base.ObservedGeneration = o.GetGeneration()
	got := map[string]string{}
	for _, c := range base.Conditions {
		got[c.Type] = string(c.Status) + " " + c.Reason
		if !strings.HasSuffix(c.Message, ".") {
			t.Errorf("%s has the message %q, want a sentence", c.Type, c.Message)
		}
	}
	if diff := cmp.Diff(want.Conditions, got); diff != "" {
		t.Errorf("conditions differ (-want +got):\n%s", diff)
	}
	if got := Compute(t, o); got != want.Kstatus {
		t.Errorf("kstatus = %s, want %s", got, want.Kstatus)
	}
	ready := meta.IsStatusConditionTrue(base.Conditions, v1alpha1.ConditionReady)
	stalled := meta.IsStatusConditionTrue(base.Conditions, v1alpha1.ConditionStalled)
	if agreed := kstatusOf(ready, stalled); want.Kstatus != agreed {
		t.Errorf("kstatus is %s, but Ready %v and Stalled %v mean %s", want.Kstatus, ready, stalled, agreed)
	}
}

func kstatusOf(ready, stalled bool) kstatus.Status {
	switch {
	case ready:
		return kstatus.CurrentStatus
	case stalled:
		return kstatus.FailedStatus
	default:
		return kstatus.InProgressStatus
	}
}

// Compute returns what kstatus makes of an object.
func Compute(t *testing.T, o runtime.Object) kstatus.Status {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	result, err := kstatus.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		t.Fatal(err)
	}
	return result.Status
}

// AssertMessage looks for words in the message of a condition.
func AssertMessage(t *testing.T, o reconciled, condition string, want ...string) {
	t.Helper()
	c := meta.FindStatusCondition(o.GetStatusBase().Conditions, condition)
	if c == nil {
		t.Fatalf("no condition %s", condition)
	}
	for _, w := range want {
		if !strings.Contains(c.Message, w) {
			t.Errorf("%s says %q, want it to contain %q", condition, c.Message, w)
		}
	}
}
