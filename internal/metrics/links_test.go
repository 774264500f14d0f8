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
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/tally"
)

// collecting makes a collector of a function.
type collecting func(chan<- prometheus.Metric)

func (c collecting) Describe(chan<- *prometheus.Desc)    {}
func (c collecting) Collect(ch chan<- prometheus.Metric) { c(ch) }

// TestLinks fails where a link that is open by its policies is counted by its phase,
// and where the end of a closed link's term is told.
func TestLinks(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	n := 0
	link := func(phase, reason string, open bool, left time.Duration) *v1alpha1.DataSharingLink {
		n++
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: fmt.Sprint("l", n)}}
		l.Status.Phase, l.Spec.ValidUntil = phase, metav1.NewTime(now.Add(left))
		paired := metav1.ConditionFalse
		if open {
			paired = metav1.ConditionTrue
		}
		l.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyPaired, Status: paired}, {Type: v1alpha1.ConditionReady, Reason: reason}}
		return l
	}
	const day = 24 * time.Hour
	all := []client.Object{
		link(v1alpha1.PhaseOpen, "Ready", true, 3*day), link(v1alpha1.PhaseOpen, "Ready", true, 20*day), link(v1alpha1.PhaseOpen, "Ready", true, 300*day),
		link(v1alpha1.PhaseOpening, "ApplyFailed", true, 300*day),
		link(v1alpha1.PhaseRequested, "ApprovalMissing", false, 3*day), link(v1alpha1.PhaseSuspended, "LinkSuspended", false, 3*day), &v1alpha1.DataSharingLink{},
		// On the day in which seven days end, and thirty.
		link(v1alpha1.PhaseOpen, "Ready", true, 7*day-time.Second), link(v1alpha1.PhaseOpen, "Ready", true, 7*day), link(v1alpha1.PhaseOpen, "Ready", true, 30*day+time.Second), link(v1alpha1.PhaseOpen, "Ready", true, -day),
	}
	want := `
# HELP govplatform_link_terms_ending Open links whose term ends within a time: 7d, 30d.
# TYPE govplatform_link_terms_ending gauge
govplatform_link_terms_ending{within="30d"} 5
govplatform_link_terms_ending{within="7d"} 3
# HELP govplatform_links Links by state (open, waiting, closed) and the reason of Ready.
# TYPE govplatform_links gauge
govplatform_links{reason="ApplyFailed",state="open"} 1
govplatform_links{reason="ApprovalMissing",state="waiting"} 1
govplatform_links{reason="LinkSuspended",state="closed"} 1
govplatform_links{reason="Pending",state="waiting"} 1
govplatform_links{reason="Ready",state="open"} 7
`
	got := collecting(func(ch chan<- prometheus.Metric) {
		if err := collector(t, all...).collectLinks(ch, now); err != nil {
			t.Error(err)
		}
	})
	if err := testutil.CollectAndCompare(got, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestScrapeErrors: what a scrape could not count is counted, but at a start.
// Fails when Collect drops the error, or counts that of a cache that is not filled.
func TestScrapeErrors(t *testing.T) {
	before := testutil.ToFloat64(scrapeErrors.WithLabelValues(v1alpha1.KindAgencyPortal))
	ch := make(chan prometheus.Metric, 100)
	unfilled := tally.Stores(func(string) (cache.Indexer, error) { return nil, errors.New("no such index") })
	Collector{Counts: unfilled}.Collect(ch)
	if got := testutil.ToFloat64(scrapeErrors.WithLabelValues(v1alpha1.KindAgencyPortal)); got != before+1 {
		t.Errorf("counted %v", got-before)
	}
	Collector{Counts: tally.Stores(func(string) (cache.Indexer, error) { return nil, tally.ErrNotFilled })}.Collect(ch)
	if got := testutil.ToFloat64(scrapeErrors.WithLabelValues(v1alpha1.KindAgencyPortal)); got != before+1 {
		t.Error("a cache that is not filled yet is an error of the scrape")
	}
}
