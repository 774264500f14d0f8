package platform

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

func TestStatus(t *testing.T) {
	twice := &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDuplicateOf, Message: "spec.capability: so."}
	outside := &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonOutsideNetworks, Message: "so."}
	gone := &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonPlatformUnavailable, Message: "so."}
	tests := []struct {
		name   string
		out    Output
		absent []policy.NamedAgencies
		want   kindtest.Summary
	}{
		{"ready", Output{}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "True Available", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
		{"duplicate", Output{Unique: twice}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "False DuplicateOf", "Available": "True Available", "Ready": "False DuplicateOf", "Stalled": "True DuplicateOf"}, Kstatus: kstatus.FailedStatus}},
		{"unavailable", Output{Available: gone}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "False PlatformUnavailable", "Ready": "True Catalogued"}, Kstatus: kstatus.CurrentStatus}},
		{"unavailable for good", Output{Available: outside}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "True Unique", "Available": "False OutsideNetworks", "Ready": "False OutsideNetworks", "Reconciling": "True OutsideNetworks"}, Kstatus: kstatus.InProgressStatus}},
		{"duplicate that is unavailable", Output{Unique: twice, Available: gone}, nil, kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "True AgenciesResolved", "Unique": "False DuplicateOf", "Available": "False PlatformUnavailable", "Ready": "False DuplicateOf", "Stalled": "True DuplicateOf"}, Kstatus: kstatus.FailedStatus}},
		{"unknown agency", Output{}, []policy.NamedAgencies{{Field: "spec.ownerRef.name", Agencies: []v1alpha1.AgencyName{"x"}}},
			kindtest.Summary{Conditions: map[string]string{"AgenciesResolved": "False AgencyNotFound", "Unique": "True Unique", "Available": "True Available", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation}}
			SetStatus(Input{Platform: p, Consumers: 3, AbsentAgencies: tt.absent}, tt.out)
			kindtest.AssertStatus(t, p, tt.want)
			if p.Status.Consumers != 3 {
				t.Errorf("%d consumers", p.Status.Consumers)
			}
		})
	}
	p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Generation: kindtest.Generation, DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}}
	SetStatus(Input{Platform: p}, Output{Available: gone})
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse {
		t.Errorf("a platform that is being deleted is ready: %s", c.Message)
	}
}
