package metrics

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestRightsChanged: a change counts for a day, and a record without a change never.
func TestRightsChanged(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	with := func(status metav1.ConditionStatus) *v1alpha1.Agency {
		a := &v1alpha1.Agency{}
		a.Status.Rights = &v1alpha1.GrantedRights{Since: metav1.NewTime(at)}
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRightsChanged, Status: status}}
		return a
	}
	for name, tt := range map[string]struct {
		a     *v1alpha1.Agency
		after time.Duration
		want  bool
	}{
		"at once":      {with(metav1.ConditionTrue), time.Second, true},
		"a day later":  {with(metav1.ConditionTrue), rightsPeriod, false},
		"not changed":  {with(metav1.ConditionFalse), time.Second, false},
		"not recorded": {&v1alpha1.Agency{}, time.Second, false},
	} {
		if got := rightsChanged(tt.a, at.Add(tt.after)); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
