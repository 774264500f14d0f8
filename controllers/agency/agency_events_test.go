package agency

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestAnnounce(t *testing.T) {
	told := func(reason, message string, minute int) *v1alpha1.Agency {
		a := &v1alpha1.Agency{}
		a.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionRightsChanged, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)),
		}}
		return a
	}
	changed, unchanged := v1alpha1.ReasonRightsChanged, v1alpha1.ReasonRightsUnchanged
	for name, tt := range map[string]struct {
		before, after *v1alpha1.Agency
		want          int
	}{
		"new":           {&v1alpha1.Agency{}, told(changed, "a", 1), 1},
		"only recorded": {&v1alpha1.Agency{}, told(unchanged, "a", 1), 0},
		"changed":       {told(unchanged, "a", 1), told(changed, "b", 2), 1},
		"again":         {told(changed, "a", 1), told(changed, "b", 1), 1},
		"to and fro":    {told(changed, "a", 1), told(changed, "a", 2), 1},
		"the same":      {told(changed, "a", 1), told(changed, "a", 1), 0},
	} {
		got := announce(tt.before, tt.after)
		if len(got) != tt.want || tt.want > 0 && (!got[0].Warning || got[0].Note != tt.after.Status.Conditions[0].Message) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAnnounceWhatWaits: rights that wait are told once for each change that is
// asked for, and not again while it waits for another reason.
func TestAnnounceWhatWaits(t *testing.T) {
	waits := func(hash, message string) *v1alpha1.Agency {
		a := &v1alpha1.Agency{}
		a.Status.PendingRights = &v1alpha1.PendingRights{Hash: hash}
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRightsConfirmed, Reason: v1alpha1.ReasonConfirmationMissing, Message: message}}
		return a
	}
	for name, tt := range map[string]struct {
		before, after *v1alpha1.Agency
		want          int
	}{
		"asked for":      {&v1alpha1.Agency{}, waits("1", "a"), 1},
		"another change": {waits("1", "a"), waits("2", "b"), 1},
		"another reason": {waits("1", "a"), waits("1", "b"), 0},
		"given":          {waits("1", "a"), &v1alpha1.Agency{}, 0},
	} {
		got := announce(tt.before, tt.after)
		if len(got) != tt.want || tt.want > 0 && (!got[0].Warning || got[0].Reason != "RightsAskedFor" || got[0].Note != tt.after.Status.Conditions[0].Message) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
