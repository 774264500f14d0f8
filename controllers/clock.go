package controllers

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// clockPeriod is how often the clock is looked at.
	clockPeriod = 2 * time.Second
	// clockTolerance is how much the clock may gain or lose in a period.
	clockTolerance = 2 * time.Second
)

// clockWatcher sends an event when somebody sets the clock: the terms of links
// end by the wall clock, and what waits for them counts by another one.
type clockWatcher struct {
	now    func() time.Time
	period time.Duration
	jumps  chan event.GenericEvent
}

func newClockWatcher(now func() time.Time) *clockWatcher {
	return &clockWatcher{now: now, period: clockPeriod, jumps: make(chan event.GenericEvent, 1)}
}

// Start implements manager.Runnable.
func (w *clockWatcher) Start(ctx context.Context) error {
	tick := time.NewTicker(w.period)
	defer tick.Stop()
	last := w.read()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next := w.read()
		if jump := next.jumpSince(last); jump.Abs() > clockTolerance {
			log.FromContext(ctx).Info("The clock was set; the terms of all links are looked at again", "by", jump.Round(time.Second).String())
			select {
			case w.jumps <- event.GenericEvent{Object: &metav1.PartialObjectMetadata{}}:
			default: // One is on its way.
			}
		}
		last = next
	}
}

// reading of the wall clock, and of the monotonic clock before and after it: a
// process that pauses in between has not seen a jump.
type reading struct{ before, wall, after time.Time }

func (w *clockWatcher) read() reading {
	before := time.Now()
	wall := w.now().Round(0)
	return reading{before, wall, time.Now()}
}

// jumpSince returns by how much the wall clock went on more, or less, than the
// monotonic one.
func (r reading) jumpSince(last reading) time.Duration {
	passed := r.wall.Sub(last.wall)
	switch low, high := r.before.Sub(last.after), r.after.Sub(last.before); {
	case passed < low:
		return passed - low
	case passed > high:
		return passed - high
	}
	return 0
}
