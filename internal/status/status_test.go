package status

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/kinds"
)

const generation = 4

var earlier = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// summary is how an object's status reads: its conditions as "status reason",
// the message of Ready, and what kstatus, so Flux and Argo, makes of it.
type summary struct {
	conditions map[string]string
	kstatus    kstatus.Status
}

type object interface {
	metav1.Object
	runtime.Object
	GetStatusBase() *v1alpha1.StatusBase
}

// assertStatus compares conditions and holds every status to the rules: Ready
// is there, kstatus agrees with it, and a message is a sentence with its end.
func assertStatus(t *testing.T, o object, want summary) {
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
	if diff := cmp.Diff(want.conditions, got); diff != "" {
		t.Errorf("conditions differ (-want +got):\n%s", diff)
	}
	if got := compute(t, o); got != want.kstatus {
		t.Errorf("kstatus = %s, want %s", got, want.kstatus)
	}
	ready := meta.IsStatusConditionTrue(base.Conditions, v1alpha1.ConditionReady)
	stalled := meta.IsStatusConditionTrue(base.Conditions, v1alpha1.ConditionStalled)
	if agreed := kstatusOf(ready, stalled); want.kstatus != agreed {
		t.Errorf("kstatus is %s, but Ready %v and Stalled %v mean %s", want.kstatus, ready, stalled, agreed)
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

func compute(t *testing.T, o runtime.Object) kstatus.Status {
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

func assertMessage(t *testing.T, o object, condition string, want ...string) {
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

// TestFreshObjectIsInProgress: an object that the operator has not seen yet,
// with the status that the schema gives it, never looks ready.
func TestFreshObjectIsInProgress(t *testing.T) {
	for _, d := range kinds.All() {
		o := d.New()
		o.SetGeneration(1)
		o.GetStatusBase().ObservedGeneration = -1
		if got := compute(t, o); got != kstatus.InProgressStatus {
			t.Errorf("%T: kstatus = %s, want InProgress", o, got)
		}
	}
}

// TestThreat14_LookupFailed: what could not be read is unknown, never ready, and
// what was found before stays as it was.
func TestThreat14_LookupFailed(t *testing.T) {
	before := metav1.Condition{Type: v1alpha1.ConditionParentResolved, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTopLevel, Message: "The agency has no parent.", ObservedGeneration: 3, LastTransitionTime: earlier}
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
	a.Status.Conditions = []metav1.Condition{before,
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady},
		{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonConflict}}
	LookupFailed(a.GetStatusBase(), generation)
	assertStatus(t, a, summary{map[string]string{"ParentResolved": "True TopLevel", "Ready": "Unknown LookupFailed", "Reconciling": "True LookupFailed"}, kstatus.InProgressStatus})
	if diff := cmp.Diff(&before, meta.FindStatusCondition(a.Status.Conditions, before.Type)); diff != "" {
		t.Errorf("an earlier finding changed (-want +got):\n%s", diff)
	}
}

// TestApplied covers everything that a round of writes can end in.
func TestApplied(t *testing.T) {
	roles := schema.GroupResource{Resource: "roles"}
	tests := []struct {
		name string
		res  apply.Result
		err  error
		want summary
		says []string
	}{
		{"done", apply.Result{}, nil, summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "True Enforcing", "Ready": "True Enforcing"}, kstatus.CurrentStatus}, nil},
		{"conflict", apply.Result{Conflicts: []apply.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}}}, nil,
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}, kstatus.FailedStatus},
			[]string{"Service n/s exists", "was not created for this object", "Remove or rename it."}},
		{"two conflicts", apply.Result{Conflicts: []apply.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}, {Kind: "Namespace", Name: "n"}}}, nil,
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}, kstatus.FailedStatus},
			[]string{"Service n/s, Namespace n exist ", "Remove or rename them."}},
		{"terminating", apply.Result{Terminating: []string{"Deployment/n/d"}}, nil,
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}, kstatus.InProgressStatus},
			[]string{"Deployment/n/d is being deleted", "made again when it is gone"}},
		{"refused", apply.Result{}, apierrors.NewForbidden(roles, "r", errors.New("no right")),
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, kstatus.InProgressStatus},
			[]string{"refused a write", "no right", "Correct what it names"}},
		{"transient", apply.Result{}, apierrors.NewConflict(roles, "r", errors.New("resource version 4711")),
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, kstatus.InProgressStatus},
			[]string{"A write to the API server failed; the operator retries."}},
		{"error before conflicts", apply.Result{Conflicts: []apply.Conflict{{Kind: "Service", Namespace: "n", Name: "s"}}}, errors.New("connection refused to 192.0.2.1:4711"),
			summary{map[string]string{"AgenciesResolved": "True AgenciesResolved", "ControlsEffective": "True ControlsEffective", "Enforced": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, kstatus.InProgressStatus},
			[]string{"A write to the API server failed; the operator retries."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policyWith(v1alpha1.ModeEnforce, tt.res, tt.err)
			assertStatus(t, p, tt.want)
			assertMessage(t, p, v1alpha1.ConditionReady, tt.says...)
		})
	}
}
