package watches

import (
	"context"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/queue"
)

const kind = "AgencyPortal"

// childOf is a child of a portal of an agency, in a version.
func childOf(owner, version string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "d", UID: "d", ResourceVersion: version, Labels: map[string]string{
		names.LabelOwnerKind: kind, names.LabelOwnerNamespace: "agency-a", names.LabelOwnerName: owner,
	}}}
}

// TestOwnWrites: of a child's events the owner that wrote it hears all but that write,
// and an owner that it was taken from hears that too.
// Fails when add takes echoes of deletions, or of any owner.
func TestOwnWrites(t *testing.T) {
	key := func(owner string) types.NamespacedName {
		return types.NamespacedName{Namespace: "agency-a", Name: owner}
	}
	wrote := apply.NewEchoes(kind)
	h := ByOwnerLabel(kind, wrote)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
	defer q.ShutDown()
	hears := func(what string, want ...string) {
		t.Helper()
		var got []string
		for q.Len() > 0 {
			r, _ := q.Get()
			got = append(got, r.Name)
			q.Done(r)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v hear of it, want %v", what, got, want)
		}
	}
	ctx := t.Context()
	wrote.Add(t.Context(), kind, key("web"), childOf("web", "1"))
	h.Create(ctx, event.CreateEvent{Object: childOf("web", "1")}, q)
	hears("its own creation")
	h.Update(ctx, event.UpdateEvent{ObjectOld: childOf("web", "1"), ObjectNew: childOf("web", "2")}, q)
	hears("somebody's update", "web")
	wrote.Add(t.Context(), kind, key("web"), childOf("web", "3"))
	h.Update(ctx, event.UpdateEvent{ObjectOld: childOf("web", "2"), ObjectNew: childOf("web", "3")}, q)
	hears("its own update")
	wrote.Add(t.Context(), kind, key("web"), childOf("web", "5"))
	h.Update(ctx, event.UpdateEvent{ObjectOld: childOf("thief", "4"), ObjectNew: childOf("web", "5")}, q)
	hears("taken back from another one", "thief")
	wrote.Add(t.Context(), kind, key("web"), childOf("web", "6"))
	h.Delete(ctx, event.DeleteEvent{Object: childOf("web", "6")}, q)
	hears("its deletion, in the version that was written", "web")
}

// TestOwnWriteBeforeItsAnswer: the API server may show a write to the watches before its
// answer is here. An event of an owner that is worked on is judged when that is done, and
// somebody else's write is not lost by it.
// Fails when add judges at once, or holds and never judges.
func TestOwnWriteBeforeItsAnswer(t *testing.T) {
	wrote := apply.NewEchoes(kind)
	h := ByOwnerLabel(kind, wrote)
	web := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "agency-a", Name: "web"}}
	for name, somebody := range map[string]bool{"its own": false, "somebody's": true} {
		o := queue.NewSet().Options("agencyportal", 1)
		q := o.NewQueue(name, o.RateLimiter)
		q.Add(web)
		r, _ := q.Get()
		h.Update(t.Context(), event.UpdateEvent{ObjectOld: childOf("web", "1"), ObjectNew: childOf("web", "2")}, q)
		if somebody {
			h.Update(t.Context(), event.UpdateEvent{ObjectOld: childOf("web", "2"), ObjectNew: childOf("web", "3")}, q)
		}
		wrote.Add(t.Context(), kind, web.NamespacedName, childOf("web", "2"))
		q.Done(r)
		if want := map[bool]int{true: 1}[somebody]; q.Len() != want {
			t.Errorf("%s: %d wait, want %d", name, q.Len(), want)
		}
		q.ShutDown()
	}
}

// TestInitialList: what is there at the start fans out to nobody, and everything after it
// does; an owner hears of each of its children, since it may be gone itself.
// Fails when Create drops all of the initial list, or of what comes later.
func TestInitialList(t *testing.T) {
	f := func(context.Context, client.Object) []ctrl.Request { return []ctrl.Request{{}} }
	child := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{names.LabelOwnerKind: "AgencyPortal", names.LabelOwnerName: "gone"}}}
	for name, c := range map[string]struct {
		h       handler.EventHandler
		initial bool
		want    int
	}{
		"a fan-out at the start":  {MapLow(f), true, 0},
		"a count at the start":    {MapLater(f), true, 0},
		"a fan-out":               {MapLow(f), false, 1},
		"itself at the start":     {Map(f), true, 1},
		"its owner, at the start": {ByOwnerLabel("AgencyPortal", apply.NewEchoes("AgencyPortal")), true, 1},
	} {
		q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
		c.h.Create(t.Context(), event.CreateEvent{Object: child, IsInInitialList: c.initial}, q)
		if q.Len() != c.want {
			t.Errorf("%s: %d requests, want %d", name, q.Len(), c.want)
		}
		q.ShutDown()
	}
}
