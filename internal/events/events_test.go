package events

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// newClient knows Events and the API's kinds.
func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).Build()
}

// TestWriter: the same happening is recorded once, two with different notes are
// two, a cluster-scoped object's stands in the namespace default, and a full
// queue neither blocks nor fails.
func TestWriter(t *testing.T) {
	c := newClient(t)
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

// TestNobodyFloodsOthers: an object that changes all the time has its burst of events,
// and takes no room from others; what somebody should look at is told all the same.
// Fails without a rate, and with one for all objects together.
func TestNobodyFloodsOthers(t *testing.T) {
	w := NewWriter(newClient(t))
	link := func(name string) *v1alpha1.DataSharingLink {
		return &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: name, UID: types.UID("uid-" + name)}}
	}
	for i := range 2 * waiting {
		busy := link("busy")
		busy.ResourceVersion = strconv.Itoa(i)
		w.Record(busy, Event{Reason: "Changed", Action: "Change", Note: "x"})
	}
	waits := func() int { return len(w.queue) + len(w.urgent) }
	if n := waits(); n > 2*burst {
		t.Errorf("one object has %d events", n)
	}
	before := waits()
	w.Record(link("quiet"), Event{Reason: "Changed", Action: "Change", Note: "x"})
	w.Record(link("busy"), Event{Warning: true, Reason: "Repaired", Action: "Repair", Note: "x"})
	if got := waits() - before; got != 2 {
		t.Errorf("%d of two events of others, and that somebody should look at, are told", got)
	}
	for range waiting {
		w.Record(link("busy"), Event{Warning: true, Reason: "Repaired", Action: "Repair", Note: "x"})
	}
	if n := waits(); n > 2*burst+2*warningBurst {
		t.Errorf("an object that somebody should look at has %d events", n)
	}
	// What may turn out to be somebody's doing has not been used up by edits.
	w.Record(link("edited"), Event{Suspect: true, Reason: "Changed", Action: "Change", Note: "x"})
	if len(w.urgent) == 0 || cap(w.urgent) != waiting {
		t.Error("what may be somebody's doing waits with all the rest")
	}
	// An agency that deletes and makes anew has other objects all the time.
	w = NewWriter(newClient(t))
	for i := range 2 * waiting {
		w.Record(link(strconv.Itoa(i)), Event{Warning: true, Reason: "Closed", Action: "Close", Note: "x"})
	}
	if n := waits(); n > 2*namespaceBurst {
		t.Errorf("one agency has %d events", n)
	}
	other := link("other")
	other.Namespace = "agency-b"
	before = waits()
	w.Record(other, Event{Warning: true, Reason: "Closed", Action: "Close", Note: "x"})
	if waits() != before+1 {
		t.Error("another agency's event is pushed out")
	}
}

// TestResolve: what is found out when an event is written is what is recorded.
func TestResolve(t *testing.T) {
	c := newClient(t)
	w := NewWriter(c)
	w.Record(&v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "v"}}, Event{Reason: "Changed", Action: "Change", Note: "x",
		Resolve: func(context.Context) Event {
			return Event{Warning: true, Reason: "Repaired", Action: "Repair", Note: "by y"}
		}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var list eventsv1.EventList
	if err := c.List(t.Context(), &list); err != nil || len(list.Items) != 1 || list.Items[0].Note != "by y" || list.Items[0].Type != "Warning" {
		t.Errorf("recorded %v %v", list.Items, err)
	}
}

// TestPace: while there is other work what nobody needs to look at is written up to a
// bound, and the rest little by little; what somebody should look at waits for nothing;
// and when the work is done, or it is over, nothing is left.
// Fails when Start does not wait for the pace, paces all, or what is left in the end.
func TestPace(t *testing.T) {
	for name, end := range map[string]func(busy *atomic.Bool, over func()){
		"the work is done": func(busy *atomic.Bool, _ func()) { busy.Store(false) },
		"it is over":       func(_ *atomic.Bool, over func()) { over() },
	} {
		c := newClient(t)
		w := NewWriter(c)
		var busy atomic.Bool
		busy.Store(true)
		w.Busy = busy.Load
		// None becomes due, however slow this machine is.
		w.pace = rate.NewLimiter(0, paceBurst)
		const all, urgent = paceBurst + 10, 30
		record := func(n int, e Event) {
			for i := range n {
				about := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "n" + strconv.Itoa(i), Name: "a", UID: types.UID(strconv.Itoa(i))}}
				w.Record(about, e)
			}
		}
		record(all, Event{Reason: "Seen", Action: "Look", Note: "It was seen."})
		record(urgent, Event{Warning: true, Reason: "Wrong", Action: "Look", Note: "It is wrong."})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Start(ctx) }()
		written := func(reason string) (n int) {
			var list eventsv1.EventList
			if err := c.List(t.Context(), &list); err != nil {
				t.Fatal(err)
			}
			for _, e := range list.Items {
				if e.Reason == reason {
					n++
				}
			}
			return n
		}
		until := func(reason string, n int) {
			for end := time.Now().Add(10 * time.Second); written(reason) < n && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
		}
		until("Seen", paceBurst)
		until("Wrong", urgent)
		time.Sleep(3 * paceLook)
		if n := written("Seen"); n != paceBurst {
			t.Errorf("%s: %d of %d events are written at once, want %d", name, n, all, paceBurst)
		}
		if n := written("Wrong"); n != urgent {
			t.Errorf("%s: %d of %d events are written that somebody should look at", name, n, urgent)
		}
		if end(&busy, cancel); ctx.Err() == nil {
			until("Seen", all)
		} else {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := written("Seen"); n != all {
			t.Errorf("%s: %d of %d events are written in the end", name, n, all)
		}
		cancel()
	}
}
