package unreadable

import (
	"testing"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// TestStoppedWatchLeavesNothing stops a watch with an event on its way.
// Fails with watch.Filter, which waits for ever.
func TestStoppedWatchLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	for range 20 {
		upstream := watch.NewFake()
		w := change(upstream, func(e watch.Event) watch.Event { e.Type = watch.Deleted; return e })
		upstream.Add(&corev1.Pod{})
		if e := <-w.ResultChan(); e.Type != watch.Deleted {
			t.Errorf("got %s, want what the function makes of it", e.Type)
		}
		upstream.Add(&corev1.Pod{})
		w.Stop()
		w.Stop()
	}
}
