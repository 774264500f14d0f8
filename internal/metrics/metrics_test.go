package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
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

// collector counts some objects.
func collector(t *testing.T, objects ...client.Object) Collector {
	t.Helper()
	return Collector{Counts: kindtest.Tally(t, Fields, objects...)}
}

// TestRightsWaiting fails where another condition, or another status of it, is
// counted.
func TestRightsWaiting(t *testing.T) {
	n := 0
	with := func(condition string, status metav1.ConditionStatus) *v1alpha1.Agency {
		n++
		a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("a", n)}}
		a.Status.Conditions = []metav1.Condition{{Type: condition, Status: status}}
		return a
	}
	agencies := []client.Object{
		&v1alpha1.Agency{}, with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionUnknown),
		with(v1alpha1.ConditionRightsChanged, metav1.ConditionFalse), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse), with(v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector(t, agencies...))
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

// TestEveryKindIsCounted fails for the three of seven kinds that were counted.
func TestEveryKindIsCounted(t *testing.T) {
	var every []client.Object
	for _, d := range kinds.All() {
		o := d.New()
		o.SetName("one")
		o.GetStatusBase().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "Because"}}
		every = append(every, o)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector(t, every...))
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

// TestCountsFollow: what is counted follows an object's changes, and ends with it, and so do
// portals by what runs of them and the sums of what they serve.
// Fails when Fields says something of what an object is not, or sums count portals.
func TestCountsFollow(t *testing.T) {
	portal := func(name string, level v1alpha1.SecurityLevel, asks, runs v1alpha1.Exposure, declared, verified int32) *v1alpha1.AgencyPortal {
		p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: name}}
		p.Spec.Exposure, p.Status.SecurityLevel = asks, level
		if runs != "" {
			p.Status.LastCompliant = &v1alpha1.AgencyPortalSpec{Exposure: runs}
		}
		p.Status.PublicServices.Declared, p.Status.PublicServices.Verified = declared, verified
		return p
	}
	stores := kindtest.Tally(t, Fields, portal("a", 3, "Internet", "", 2, 2), portal("b", 3, "Internet", "Internal", 2, 0), portal("c", 1, "Internal", "", 5, 1))
	want := func(what, want string) {
		t.Helper()
		if err := testutil.CollectAndCompare(Collector{Counts: stores}, strings.NewReader(want), "govplatform_portals", "govplatform_public_services"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	const heads = `
# HELP govplatform_portals Portals by security level and exposure.
# TYPE govplatform_portals gauge
%s# HELP govplatform_public_services Public services by state: declared in specs, verified on Ready portals.
# TYPE govplatform_public_services gauge
govplatform_public_services{state="declared"} %d
govplatform_public_services{state="verified"} %d
`
	want("at first", fmt.Sprintf(heads, `govplatform_portals{exposure="Internal",level="1"} 1
govplatform_portals{exposure="Internal",level="3"} 1
govplatform_portals{exposure="Internet",level="3"} 1
`, 9, 3))
	store, err := stores(v1alpha1.KindAgencyPortal)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Update(portal("b", 3, "Internet", "Internet", 1, 1)), store.Delete(portal("c", 1, "Internal", "", 5, 1))); err != nil {
		t.Fatal(err)
	}
	want("changed", fmt.Sprintf(heads, `govplatform_portals{exposure="Internet",level="3"} 2
`, 3, 3))
}
