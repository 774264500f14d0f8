// Package metrics shows what the cluster shows: how many objects of every kind
// are Ready and why the others are not. The labels are bounded: kinds, states
// and documented reasons, never names.
package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// scrapeTimeout bounds the reads of one scrape; they come from the cache.
const scrapeTimeout = 5 * time.Second

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

// Collector reads the cache at every scrape.
type Collector struct {
	Reader client.Reader
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

// Collect implements prometheus.Collector. What can't be read is left out and counted.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	ready := map[[3]string]int{}
	for _, d := range kinds.All() {
		list := d.NewList()
		if c.Reader.List(ctx, list, client.UnsafeDisableDeepCopy, unreadable.Skip) != nil {
			scrapeErrors.WithLabelValues(d.Kind).Inc()
			continue
		}
		// The callback never fails.
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			if object, ok := o.(kinds.Object); ok {
				ready[readiness(d.Kind, object.GetStatusBase())]++
			}
			return nil
		})
		switch l := list.(type) {
		case *v1alpha1.AgencyList:
			collectRights(ch, l.Items)
		case *v1alpha1.SecurityPolicyList:
			ch <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, float64(len(policy.Held(l.Items))))
		case *v1alpha1.AgencyPortalList:
			collectPortals(ch, l.Items)
		case *v1alpha1.DataSharingLinkList:
			collectLinks(ch, l.Items, time.Now())
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
	for k, n := range ready {
		ch <- prometheus.MustNewConstMetric(objects, prometheus.GaugeValue, float64(n), k[0], k[1], k[2])
	}
}

// readiness returns the labels by which an object is counted. One that the operator
// has not looked at yet is pending.
func readiness(kind string, base *v1alpha1.StatusBase) [3]string {
	r := meta.FindStatusCondition(base.Conditions, v1alpha1.ConditionReady)
	if r == nil {
		return [3]string{kind, string(metav1.ConditionUnknown), v1alpha1.ReasonPending}
	}
	return [3]string{kind, string(r.Status), r.Reason}
}

func collectRights(ch chan<- prometheus.Metric, agencies []v1alpha1.Agency) {
	changed, asked := 0, 0
	for i := range agencies {
		a := &agencies[i]
		if rightsChanged(a, time.Now()) {
			changed++
		}
		if meta.IsStatusConditionFalse(a.Status.Conditions, v1alpha1.ConditionRightsConfirmed) {
			asked++
		}
	}
	ch <- prometheus.MustNewConstMetric(rights, prometheus.GaugeValue, float64(changed))
	ch <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(asked))
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

func collectPortals(ch chan<- prometheus.Metric, all []v1alpha1.AgencyPortal) {
	byLevel := map[[2]string]int{}
	var declared, verified int
	for i := range all {
		p := &all[i]
		exposure := p.Spec.Exposure
		if last := p.Status.LastCompliant; last != nil {
			// What runs counts while an edit is kept.
			exposure = last.Exposure
		}
		byLevel[[2]string{string(rune('0' + p.Status.SecurityLevel)), string(exposure)}]++
		declared += int(p.Status.PublicServices.Declared)
		verified += int(p.Status.PublicServices.Verified)
	}
	for k, n := range byLevel {
		ch <- prometheus.MustNewConstMetric(portals, prometheus.GaugeValue, float64(n), k[0], k[1])
	}
	ch <- prometheus.MustNewConstMetric(service, prometheus.GaugeValue, float64(declared), "declared")
	ch <- prometheus.MustNewConstMetric(service, prometheus.GaugeValue, float64(verified), "verified")
}
