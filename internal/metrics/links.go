package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
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
		Help: "Scrapes that could not count a kind in the caches; what it counts is left out then.",
	}, []string{"kind"})
)

// soon are the times within which the end of a term is told.
var soon = map[string]time.Duration{"7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}

func (c Collector) collectLinks(ch chan<- prometheus.Metric, now time.Time) error {
	const kind = v1alpha1.KindDataSharingLink
	states, err := c.Counts.Count(kind, names.TallyState)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	for value, n := range states {
		state, reason, _ := strings.Cut(value, between)
		ch <- prometheus.MustNewConstMetric(links, prometheus.GaugeValue, float64(n), state, reason)
	}
	days, err := c.Counts.Count(kind, names.TallyTerm)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	for within, d := range soon {
		ending := 0
		for day, n := range days {
			begins, err := time.Parse(time.DateOnly, day)
			switch end := now.Add(d); {
			case err != nil || !begins.Before(end):
			case !begins.AddDate(0, 0, 1).After(end):
				ending += n
			default:
				// Some of that day's end later.
				if n, err = c.endingOn(day, end); err != nil {
					return err
				}
				ending += n
			}
		}
		ch <- prometheus.MustNewConstMetric(terms, prometheus.GaugeValue, float64(ending), within)
	}
	return nil
}

// endingOn returns how many open links end on a day before a moment.
func (c Collector) endingOn(day string, before time.Time) (n int, err error) {
	all, err := c.Counts.Having(v1alpha1.KindDataSharingLink, names.TallyTerm, day)
	for _, o := range all {
		if l, ok := o.(*v1alpha1.DataSharingLink); ok && l.Spec.ValidUntil.Time.Before(before) {
			n++
		}
	}
	return n, err //nolint:wrapcheck // counted
}

// stateOf is what counts about a link: whether traffic passes, and if not, whether
// somebody has yet to do something or has decided.
func stateOf(l *v1alpha1.DataSharingLink) string {
	if meta.IsStatusConditionTrue(l.Status.Conditions, v1alpha1.ConditionPolicyPaired) {
		return open
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
