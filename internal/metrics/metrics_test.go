package metrics

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
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

// every answers each list of the platform's kinds with one object that is not ready.
type every struct{ client.Reader }

func (every) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	d, ok := kinds.For(into)
	if !ok {
		return errors.New("not listed")
	}
	o := d.New()
	o.GetStatusBase().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "Because"}}
	return meta.SetList(into, []runtime.Object{o})
}

// TestEveryKindIsCounted fails for the three of seven kinds that were counted.
func TestEveryKindIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(Collector{Reader: every{}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); f.GetName() == "govplatform_objects" && l[1].GetValue() == "False" && l[2].GetValue() == "Because" {
				counted[l[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	for _, d := range kinds.All() {
		if counted[d.Kind] != 1 {
			t.Errorf("%s: %v are counted, want 1", d.Kind, counted[d.Kind])
		}
	}
}
