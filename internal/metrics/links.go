package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

var (
	links = prometheus.NewDesc("govplatform_links", "Links by state (open, waiting, closed) and the reason of Ready.", []string{"state", "reason"}, nil)
	terms = prometheus.NewDesc("govplatform_link_terms_ending", "Open links whose term ends within a time: 7d, 30d.", []string{"within"}, nil)

	decisions = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "govplatform_link_decision_seconds",
		Help: "Seconds from when the consent of a side to a link was first missing to its decision.",
		// A minute, an hour, a day, a week, thirty days.
		Buckets: []float64{60, 600, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600},
	}, []string{"side"})
	scrapeErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "govplatform_scrape_errors_total",
		Help: "Lists of a kind that a scrape could not read from the caches; what it counts is left out then.",
	}, []string{"kind"})
)

// soon are the times within which the end of a term is told.
var soon = map[string]time.Duration{"7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

func collectLinks(ch chan<- prometheus.Metric, all []v1alpha1.DataSharingLink, now time.Time) {
	states, ending := map[[2]string]int{}, map[string]int{}
	for i := range all {
		l := &all[i]
		state := stateOf(l)
		states[[2]string{state, readiness(v1alpha1.KindDataSharingLink, &l.Status.StatusBase)[2]}]++
		for within, d := range soon {
			if state == "open" && l.Spec.ValidUntil.Sub(now) < d {
				ending[within]++
			}
		}
	}
	for k, n := range states {
		ch <- prometheus.MustNewConstMetric(links, prometheus.GaugeValue, float64(n), k[0], k[1])
	}
	for within := range soon {
		ch <- prometheus.MustNewConstMetric(terms, prometheus.GaugeValue, float64(ending[within]), within)
	}
}

// stateOf is what counts about a link: whether traffic passes, and if not, whether
// somebody has yet to do something or has decided.
func stateOf(l *v1alpha1.DataSharingLink) string {
	if meta.IsStatusConditionTrue(l.Status.Conditions, v1alpha1.ConditionPolicyPaired) {
		return "open"
	}
	switch l.Status.Phase {
	case "", v1alpha1.PhaseWaiting, v1alpha1.PhaseRequested, v1alpha1.PhaseOpening:
		return "waiting"
	default:
		return "closed"
	}
}

// LinkDecided counts how long the consent of a side was missing that decided now.
func LinkDecided(side string, took time.Duration) {
	decisions.WithLabelValues(side).Observe(max(took, 0).Seconds())
}
