package service

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
)

func TestStatus(t *testing.T) {
	waiting := &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPortalNotReady, Message: "spec.portalRef.name: so."}
	wrong := &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonPortMismatch, Message: "spec.port: so."}
	taken := &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDatasetTaken, Message: "spec.dataset: so."}
	tests := []struct {
		name string
		out  Output
		want kindtest.Summary
	}{
		{"published", Output{}, kindtest.Summary{Conditions: map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "True Published", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
		{"waiting", Output{Published: waiting}, kindtest.Summary{Conditions: map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "False PortalNotReady", "Ready": "False PortalNotReady", "Reconciling": "True PortalNotReady"}, Kstatus: kstatus.InProgressStatus}},
		{"wrong port", Output{Published: wrong}, kindtest.Summary{Conditions: map[string]string{"DatasetOwned": "True DatasetOwned", "Published": "False PortMismatch", "Ready": "False PortMismatch", "Stalled": "True PortMismatch"}, Kstatus: kstatus.FailedStatus}},
		{"taken", Output{Dataset: taken}, kindtest.Summary{Conditions: map[string]string{"DatasetOwned": "False DatasetTaken", "Published": "True Published", "Ready": "False DatasetTaken", "Stalled": "True DatasetTaken"}, Kstatus: kstatus.FailedStatus}},
		{"taken and waiting", Output{Dataset: taken, Published: waiting}, kindtest.Summary{Conditions: map[string]string{"DatasetOwned": "False DatasetTaken", "Published": "False PortalNotReady", "Ready": "False DatasetTaken", "Stalled": "True DatasetTaken"}, Kstatus: kstatus.FailedStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation}}
			SetStatus(Input{Service: s}, tt.out)
			kindtest.AssertStatus(t, s, tt.want)
		})
	}
	t.Run("another dataset than it holds, and something can't be read", func(t *testing.T) {
		s := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation}, Spec: v1alpha1.DataServiceSpec{Dataset: "old"}}
		SetStatus(Input{Service: s}, Output{})
		SetLookupFailed(s)
		if !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
			t.Errorf("the dataset that it holds: %+v", s.Status.Conditions)
		}
		s.Spec.Dataset = "new"
		SetLookupFailed(s)
		if meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionDatasetOwned) {
			t.Errorf("another one: %+v", s.Status.Conditions)
		}
	})
	t.Run("no more consumers than the schema takes", func(t *testing.T) {
		s := &v1alpha1.DataService{}
		in := Input{Service: s}
		for i := range 2000 {
			in.Consumers = append(in.Consumers, fmt.Sprintf("agency-a/p%04d", i))
		}
		SetStatus(in, Output{})
		if len(s.Status.Consumers) != maxConsumers {
			t.Errorf("%d consumers", len(s.Status.Consumers))
		}
	})
}
