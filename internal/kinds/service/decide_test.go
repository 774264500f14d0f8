package service

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestSettledOwner: a service has settled on a dataset when it has owned this one, and
// without a break, for as long as the settings say.
// Fails when the condition alone tells: it stays true for one that takes another dataset.
func TestSettledOwner(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := settings.Default()
	ago := func(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }
	for name, tt := range map[string]struct {
		dataset     v1alpha1.ObjectName
		held, owned time.Duration
		status      metav1.ConditionStatus
		want        bool
	}{
		"owned for long":                {"births", s.Settled(), s.Settled(), metav1.ConditionTrue, true},
		"a second too short":            {"births", s.Settled(), s.Settled() - time.Second, metav1.ConditionTrue, false},
		"took another dataset just now": {"births", time.Second, s.Settled(), metav1.ConditionTrue, false},
		"names another dataset":         {"deaths", s.Settled(), s.Settled(), metav1.ConditionTrue, false},
		"does not own it":               {"births", s.Settled(), s.Settled(), metav1.ConditionFalse, false},
		"owned it before":               {"births", 3 * s.Settled(), time.Hour, metav1.ConditionTrue, false},
	} {
		svc := &v1alpha1.DataService{Spec: v1alpha1.DataServiceSpec{Dataset: tt.dataset}}
		svc.Status.Claim = &v1alpha1.DatasetClaim{Dataset: "births", HeldSince: ago(tt.held)}
		svc.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDatasetOwned, Status: tt.status, LastTransitionTime: ago(tt.owned)}}
		if got := settledOwner(svc, s, now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if settledOwner(&v1alpha1.DataService{}, s, now) {
		t.Error("a service without a claim has settled")
	}
}
