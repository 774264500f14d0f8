package events

import (
	"context"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestWriter: the same happening is recorded once, two with different notes are
// two, a cluster-scoped object's stands in the namespace default, and a full
// queue neither blocks nor fails.
func TestWriter(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).Build()
	w := NewWriter(c)
	link := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "l", UID: "u", ResourceVersion: "7"}}
	for _, note := range []string{"one", "one", "two", strings.Repeat("ấ", 2000)} {
		w.Record(link, Event{Reason: "Opened", Action: "Open", Note: note})
	}
	w.Record(&v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "v"}}, Event{Warning: true, Reason: "Closed", Action: "Close", Note: "x"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var list eventsv1.EventList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range list.Items {
		got[e.Namespace+" "+e.Type+" "+e.Regarding.Kind]++
		if len(e.Note) > maxNote {
			t.Errorf("a note has %d bytes", len(e.Note))
		}
	}
	if got["agency-a Normal DataSharingLink"] != 3 || got["default Warning Agency"] != 1 || len(list.Items) != 4 {
		t.Errorf("recorded %v", got)
	}
	done := make(chan struct{})
	go func() {
		for range 2 * waiting {
			w.Record(link, Event{Reason: "Opened", Action: "Open", Note: "burst"})
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a full queue blocks")
	}
}
