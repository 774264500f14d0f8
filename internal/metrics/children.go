package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	childWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "govplatform_child_writes_total",
		Help: "Children that rounds created, restored, changed or removed, by the kind of their owner and their own; restored are those that somebody had removed.",
	}, []string{"kind", "child", "did"})
	childRepairs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "govplatform_child_repairs_total",
		Help: "Children that somebody else had changed and that were made as they should be, by the kind of their owner and their own; as far as Events are written.",
	}, []string{"kind", "child"})
	eventsDropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "govplatform_events_dropped_total",
		Help: "Events that were not written, because an object, a namespace or all together had too many.",
	})
)

// Counters are what the operator counts as it goes.
func Counters() []prometheus.Collector {
	return []prometheus.Collector{childWrites, childRepairs, eventsDropped, decisions, scrapeErrors}
}

// ChildWritten counts a child of an owner's kind that a round wrote or removed.
func ChildWritten(kind, child, did string) { childWrites.WithLabelValues(kind, child, did).Inc() }

// ChildRepaired counts a child that somebody else had changed.
func ChildRepaired(kind, child string) { childRepairs.WithLabelValues(kind, child).Inc() }

// EventDropped counts an event that is not written.
func EventDropped() { eventsDropped.Inc() }
