package metrics

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// listed answers a list of agencies and fails every other one.
type listed struct {
	client.Reader
	agencies []v1alpha1.Agency
}

func (l listed) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	list, ok := into.(*v1alpha1.AgencyList)
	if !ok {
		return errors.New("not listed")
	}
	list.Items = l.agencies
	return nil
}

// TestRightsWaiting fails where another condition, or another status of it, is
// counted.
func TestRightsWaiting(t *testing.T) {
	with := func(condition string, status metav1.ConditionStatus) (a v1alpha1.Agency) {
		a.Status.Conditions = []metav1.Condition{{Type: condition, Status: status}}
		return a
	}
	agencies := []v1alpha1.Agency{
		{}, with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionUnknown),
		with(v1alpha1.ConditionRightsChanged, metav1.ConditionFalse), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(Collector{Reader: listed{agencies: agencies}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "govplatform_agency_rights_waiting" {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != 2 {
				t.Errorf("%v agencies wait, want 2", got)
			}
			return
		}
	}
	t.Error("the metric is not there")
}
