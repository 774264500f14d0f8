package portal

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestOneStopHolder: who has started as a one-stop system keeps the place, whatever an
// older portal asks for; among those that have not, the oldest is next; of several
// that run, the oldest is it.
// Fails when the older portal's spec decides, whether it runs or not.
func TestOneStopHolder(t *testing.T) {
	start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	oneStop := v1alpha1.AgencyPortalSpec{Components: []v1alpha1.Component{v1alpha1.ComponentOneStop}}
	type portal struct {
		asks, runs, runsOneStop, unrecorded, going bool
	}
	plain, asks := portal{}, portal{asks: true}
	runs := portal{asks: true, runs: true, runsOneStop: true}
	edited := portal{asks: true, runs: true}
	for name, tt := range map[string]struct {
		portals []portal // the oldest first: a, b, c
		want    []string // the holder for each
	}{
		"nobody asks":                         {[]portal{plain, plain}, []string{"", ""}},
		"the oldest of those that ask":        {[]portal{plain, asks, asks}, []string{"", "", "b"}},
		"what runs keeps its place":           {[]portal{asks, runs}, []string{"b", ""}},
		"an edit of an older one":             {[]portal{edited, runs}, []string{"b", ""}},
		"an edit of a younger one":            {[]portal{runs, edited}, []string{"", "a"}},
		"two run":                             {[]portal{runs, runs, asks}, []string{"", "a", "a"}},
		"two are edited":                      {[]portal{edited, edited}, []string{"", "a"}},
		"what runs and asks for it no more":   {[]portal{asks, {runs: true, runsOneStop: true}}, []string{"b", ""}},
		"started, and not on record":          {[]portal{asks, {asks: true, runs: true, unrecorded: true}}, []string{"b", ""}},
		"an older one that goes never starts": {[]portal{{asks: true, going: true}, asks}, []string{"", ""}},
		"what goes and runs still":            {[]portal{{asks: true, runs: true, runsOneStop: true, going: true}, asks}, []string{"", "a"}},
	} {
		var all []v1alpha1.AgencyPortal
		of := map[string]*appsv1.Deployment{}
		for i, q := range tt.portals {
			p := v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: string(rune('a' + i)), UID: types.UID(rune('a' + i)), CreationTimestamp: metav1.NewTime(start.Add(time.Duration(i) * time.Minute))}}
			if q.asks {
				p.Spec = oneStop
			}
			if q.going {
				now := metav1.NewTime(start)
				p.DeletionTimestamp = &now
			}
			if q.runs {
				p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: p.Name}}
				p.Status.LastCompliant = &v1alpha1.AgencyPortalSpec{}
			}
			if q.runsOneStop {
				p.Status.LastCompliant = oneStop.DeepCopy()
			}
			if q.unrecorded {
				p.Status.LastCompliant = nil
			}
			all = append(all, p)
		}
		for i := range all {
			if got := oneStopHolderOf(&all[i], all, of); got != tt.want[i] {
				t.Errorf("%s: the holder for %s is %q, want %q", name, all[i].Name, got, tt.want[i])
			}
		}
	}
}
