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
