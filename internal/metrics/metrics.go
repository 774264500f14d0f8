// Package metrics shows what the cluster shows: how many objects of every kind
// are Ready and why the others are not. The labels are bounded: kinds, states
// and documented reasons, never names.
package metrics

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/tally"
)

// rightsPeriod is how long a change of rights is counted.
const rightsPeriod = 24 * time.Hour

var (
	objects = prometheus.NewDesc("govplatform_objects", "Objects by kind, Ready status and reason.", []string{"kind", "ready", "reason"}, nil)
	portals = prometheus.NewDesc("govplatform_portals", "Portals by security level and exposure.", []string{"level", "exposure"}, nil)
	held    = prometheus.NewDesc("govplatform_policy_held", "Security policies whose newest spec is held, because it would stop more than its author accepts.", nil, nil)
	settled = prometheus.NewDesc("govplatform_settings_held", "1 while the newest settings are held, because they would touch more that runs than somebody accepts.", nil, nil)
	rights  = prometheus.NewDesc("govplatform_agency_rights_changed", "Agencies whose rights of people and service accounts changed within the last 24 hours.", nil, nil)
	waiting = prometheus.NewDesc("govplatform_agency_rights_waiting", "Agencies whose spec asks for rights that wait for a second person's confirmation.", nil, nil)
	running = prometheus.NewDesc("govplatform_controller_running", "1 while the workers of a controller have started; all are 0 on a replica without the lease.", []string{"controller"}, nil)
	leftOut = prometheus.NewDesc("govplatform_unreadable_objects", "Objects that the operator cannot decode, by kind; what rests on them is held or closed.", []string{"kind"}, nil)
	skewed  = prometheus.NewDesc("govplatform_schema_skew", "Fields in which the installed definition of a kind differs from the operator's: newer has them beyond, older lacks them.", []string{"kind", "direction"}, nil)
	service = prometheus.NewDesc("govplatform_public_services", "Public services by state: declared in specs, verified on Ready portals.", []string{"state"}, nil)
)

// Collector asks at every scrape what the caches have counted.
type Collector struct {
	Counts read.Tally
	// Running reports of every controller whether its workers have started; may be nil.
	Running func() map[string]bool
	// Unreadable counts the objects that the caches leave out; may be nil.
	Unreadable func() map[string]int
	// SettingsHeld reports whether the newest settings are held; may be nil.
	SettingsHeld func() bool
	// SchemaSkew counts by kind and direction the fields in which the installed definitions differ; may be nil.
	SchemaSkew func() map[string]map[string]int
}

// Describe implements prometheus.Collector.
func (c Collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- objects
	ch <- portals
	ch <- held
	ch <- settled
	ch <- rights
	ch <- waiting
	ch <- service
	ch <- running
	ch <- leftOut
	ch <- skewed
	ch <- links
	ch <- terms
}

// Collect implements prometheus.Collector. What can't be counted is left out, and that is
// counted, but before the caches are filled, which the readiness tells.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	for _, d := range kinds.All() {
		if err := c.collectKind(ch, d.Kind, time.Now()); err != nil && !errors.Is(err, tally.ErrNotFilled) {
			scrapeErrors.WithLabelValues(d.Kind).Inc()
		}
	}
	if c.Running != nil {
		for name, is := range c.Running() {
			ch <- prometheus.MustNewConstMetric(running, prometheus.GaugeValue, one(is), name)
		}
	}
	if c.Unreadable != nil {
		for kind, n := range c.Unreadable() {
			ch <- prometheus.MustNewConstMetric(leftOut, prometheus.GaugeValue, float64(n), kind)
		}
	}
	if c.SettingsHeld != nil {
		ch <- prometheus.MustNewConstMetric(settled, prometheus.GaugeValue, one(c.SettingsHeld()))
	}
	c.collectSkew(ch)
}

func (c Collector) collectKind(ch chan<- prometheus.Metric, kind string, now time.Time) error {
	ready, err := c.Counts.Count(kind, names.TallyReady)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	for value, n := range ready {
		status, reason, _ := strings.Cut(value, between)
		ch <- prometheus.MustNewConstMetric(objects, prometheus.GaugeValue, float64(n), kind, status, reason)
	}
	switch kind {
	case v1alpha1.KindAgency:
		return c.collectRights(ch, now)
	case v1alpha1.KindSecurityPolicy:
		n, err := c.Counts.Number(kind, names.TallyHeld, names.Yes)
		if err == nil {
			ch <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, float64(n))
		}
		return err //nolint:wrapcheck // counted
	case v1alpha1.KindAgencyPortal:
		return c.collectPortals(ch)
	case v1alpha1.KindDataSharingLink:
		return c.collectLinks(ch, now)
	}
	return nil
}

func (c Collector) collectRights(ch chan<- prometheus.Metric, now time.Time) error {
	all, err := c.Counts.Having(v1alpha1.KindAgency, names.TallyRights, rightsThatChanged)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	changed := 0
	for _, o := range all {
		if a, ok := o.(*v1alpha1.Agency); ok && rightsChanged(a, now) {
			changed++
		}
	}
	ch <- prometheus.MustNewConstMetric(rights, prometheus.GaugeValue, float64(changed))
	asked, err := c.Counts.Number(v1alpha1.KindAgency, names.TallyRights, rightsThatWait)
	if err == nil {
		ch <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(asked))
	}
	return err //nolint:wrapcheck // counted
}

// rightsChanged reports whether somebody got or lost rights in an agency's
// namespace within the last day. It is asked at every scrape, so that a count
// goes down without a write.
func rightsChanged(a *v1alpha1.Agency, now time.Time) bool {
	return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionRightsChanged) && a.Status.Rights != nil && now.Sub(a.Status.Rights.Since.Time) < rightsPeriod
}

func (c Collector) collectSkew(ch chan<- prometheus.Metric) {
	if c.SchemaSkew == nil {
		return
	}
	for kind, directions := range c.SchemaSkew() {
		for direction, n := range directions {
			ch <- prometheus.MustNewConstMetric(skewed, prometheus.GaugeValue, float64(n), kind, direction)
		}
	}
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (c Collector) collectPortals(ch chan<- prometheus.Metric) error {
	running, err := c.Counts.Count(v1alpha1.KindAgencyPortal, names.TallyRuns)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	for value, n := range running {
		level, exposure, _ := strings.Cut(value, between)
		ch <- prometheus.MustNewConstMetric(portals, prometheus.GaugeValue, float64(n), level, exposure)
	}
	// Portals by how many services they declare, or have verified.
	counted, err := c.Counts.Count(v1alpha1.KindAgencyPortal, names.TallyServices)
	if err != nil {
		return err //nolint:wrapcheck // counted
	}
	sums := map[string]int{"declared": 0, "verified": 0}
	for value, of := range counted {
		state, each, _ := strings.Cut(value, between)
		n, _ := strconv.Atoi(each)
		sums[state] += n * of
	}
	for state, n := range sums {
		ch <- prometheus.MustNewConstMetric(service, prometheus.GaugeValue, float64(n), state)
	}
	return nil
}
