package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// collecting makes a collector of a function.
type collecting func(chan<- prometheus.Metric)

func (c collecting) Describe(chan<- *prometheus.Desc)    {}
func (c collecting) Collect(ch chan<- prometheus.Metric) { c(ch) }

// TestLinks fails where a link that is open by its policies is counted by its phase,
// and where the end of a closed link's term is told.
func TestLinks(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	link := func(phase, reason string, open bool, left time.Duration) (l v1alpha1.DataSharingLink) {
		l.Status.Phase, l.Spec.ValidUntil = phase, metav1.NewTime(now.Add(left))
		paired := metav1.ConditionFalse
		if open {
			paired = metav1.ConditionTrue
		}
		l.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyPaired, Status: paired}, {Type: v1alpha1.ConditionReady, Reason: reason}}
		return l
	}
	const day = 24 * time.Hour
	all := []v1alpha1.DataSharingLink{
		link(v1alpha1.PhaseOpen, "Ready", true, 3*day), link(v1alpha1.PhaseOpen, "Ready", true, 20*day), link(v1alpha1.PhaseOpen, "Ready", true, 300*day),
		link(v1alpha1.PhaseOpening, "ApplyFailed", true, 300*day),
		link(v1alpha1.PhaseRequested, "ApprovalMissing", false, 3*day), link(v1alpha1.PhaseSuspended, "LinkSuspended", false, 3*day), {},
	}
	want := `
# HELP govplatform_link_terms_ending Open links whose term ends within a time: 7d, 30d.
# TYPE govplatform_link_terms_ending gauge
govplatform_link_terms_ending{within="30d"} 2
govplatform_link_terms_ending{within="7d"} 1
# HELP govplatform_links Links by state (open, waiting, closed) and the reason of Ready.
# TYPE govplatform_links gauge
govplatform_links{reason="ApplyFailed",state="open"} 1
govplatform_links{reason="ApprovalMissing",state="waiting"} 1
govplatform_links{reason="LinkSuspended",state="closed"} 1
govplatform_links{reason="Pending",state="waiting"} 1
govplatform_links{reason="Ready",state="open"} 3
`
	got := collecting(func(ch chan<- prometheus.Metric) { collectLinks(ch, all, now) })
	if err := testutil.CollectAndCompare(got, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestScrapeErrors: what a scrape could not read is counted.
func TestScrapeErrors(t *testing.T) {
	before := testutil.ToFloat64(scrapeErrors.WithLabelValues(v1alpha1.KindAgencyPortal))
	ch := make(chan prometheus.Metric, 100)
	Collector{Reader: listed{}}.Collect(ch)
	if got := testutil.ToFloat64(scrapeErrors.WithLabelValues(v1alpha1.KindAgencyPortal)); got != before+1 {
		t.Errorf("counted %v", got-before)
	}
}
