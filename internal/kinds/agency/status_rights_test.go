package agency

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestRightsAreAnnounced plays the rounds of one agency: each change has its
// time and says what changed, and a round without one changes nothing.
func TestRightsAreAnnounced(t *testing.T) {
	a := agency("G12")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		name    string
		change  func()
		changed bool
		says    []string
	}{
		{"a new agency", func() { a.Spec.AdminGroups = []v1alpha1.GroupName{"b", "a"} }, true, []string{`Added: adminGroups "a", "b".`}},
		{"the same in another order", func() { a.Spec.AdminGroups = []v1alpha1.GroupName{"a", "b"} }, false, []string{`Added: adminGroups "a", "b".`}},
		{"one for another", func() { a.Spec.AdminGroups = []v1alpha1.GroupName{"a", "c"} }, true, []string{`Added: adminGroups "c".`, `Removed: adminGroups "b".`}},
		{"a program", func() {
			a.Spec.AdminServiceAccounts = []v1alpha1.ServiceAccountReference{{Namespace: "delivery", Name: "x"}}
		}, true, []string{`Added: adminServiceAccounts "delivery/x".`}},
		{"readers", func() { a.Spec.ViewerGroups = []v1alpha1.GroupName{"staff"} }, true, []string{`Added: viewerGroups "staff".`}},
		{"nothing", func() {}, false, []string{`Added: viewerGroups "staff".`}},
		{"nobody is left", func() { a.Spec.AdminGroups, a.Spec.AdminServiceAccounts, a.Spec.ViewerGroups = nil, nil, nil }, true, []string{`Removed: adminGroups "a", "c"; adminServiceAccounts "delivery/x"; viewerGroups "staff".`}},
	} {
		before := a.DeepCopy()
		step.change()
		now := metav1.NewTime(start.Add(time.Duration(i) * time.Hour))
		in := Input{Settings: settings.Default(), Agency: a, Now: now}
		SetStatus(in, Decide(in), child.Result{}, nil)
		c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionRightsChanged)
		if c == nil || c.Status != metav1.ConditionTrue || !c.LastTransitionTime.Equal(&a.Status.Rights.Since) {
			t.Fatalf("%s: %+v", step.name, c)
		}
		if got := c.LastTransitionTime.Equal(&now); got != step.changed {
			t.Errorf("%s: changed now: %t, want %t", step.name, got, step.changed)
		}
		for _, part := range step.says {
			if !strings.Contains(c.Message, part) {
				t.Errorf("%s: %q does not say %q", step.name, c.Message, part)
			}
		}
		if i > 0 && !step.changed && !equality.Semantic.DeepEqual(before.Status, a.Status) {
			t.Errorf("%s: the status changed:\n%+v\n%+v", step.name, before.Status, a.Status)
		}
	}
}
