package harness

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestGapIsOneRevision replays an outage after which the pods were listed before the policies that hold them: what the
// recording missed is seen at once, and what came before and after by itself.
// Fails when each kind that is listed makes a revision of its own: a pod is seen without what was made before it.
func TestGapIsOneRevision(t *testing.T) {
	seen := time.Now()
	r := &Recording{first: Objects{}, cancel: func() {}}
	for _, e := range []struct {
		number   uint64
		name     string
		relisted bool
		after    time.Duration
	}{
		{10, "first", false, 0}, {20, "pod", true, time.Second}, {21, "late", false, 2 * time.Second}, {22, "policy", true, time.Second},
		{23, "next", false, 2 * time.Second}, {40, "second pod", true, time.Minute}, {41, "second policy", true, time.Minute},
	} {
		o := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: e.name}}
		r.events = append(r.events, Revision{Number: e.number, Type: watch.Added, Object: o, Seen: seen.Add(e.after), relisted: e.relisted})
	}
	var got []string
	r.Walk(t, func(change Revision, _ client.Object, world Objects) bool {
		got = append(got, fmt.Sprintf("%d: %d objects", change.Number, len(world)))
		return true
	})
	want := []string{"0: 0 objects", "10: 1 objects", "22: 4 objects", "22: 4 objects", "22: 4 objects", "23: 5 objects", "41: 7 objects", "41: 7 objects"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}
