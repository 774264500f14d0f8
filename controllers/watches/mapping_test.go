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
)

// TestOwnWrites: of a child's events the owner that wrote it hears all but that write,
// and an owner that it was taken from hears that too.
// Fails when add takes echoes of deletions, or of any owner.
func TestOwnWrites(t *testing.T) {
	const kind = "AgencyPortal"
	child := func(owner, version string) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "d", UID: "d", ResourceVersion: version, Labels: map[string]string{
			names.LabelOwnerKind: kind, names.LabelOwnerNamespace: "agency-a", names.LabelOwnerName: owner,
		}}}
	}
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
	wrote.Add(t.Context(), kind, key("web"), child("web", "1"))
	h.Create(ctx, event.CreateEvent{Object: child("web", "1")}, q)
	hears("its own creation")
	h.Update(ctx, event.UpdateEvent{ObjectOld: child("web", "1"), ObjectNew: child("web", "2")}, q)
	hears("somebody's update", "web")
	wrote.Add(t.Context(), kind, key("web"), child("web", "3"))
	h.Update(ctx, event.UpdateEvent{ObjectOld: child("web", "2"), ObjectNew: child("web", "3")}, q)
	hears("its own update")
	wrote.Add(t.Context(), kind, key("web"), child("web", "5"))
	h.Update(ctx, event.UpdateEvent{ObjectOld: child("thief", "4"), ObjectNew: child("web", "5")}, q)
	hears("taken back from another one", "thief")
	wrote.Add(t.Context(), kind, key("web"), child("web", "6"))
	h.Delete(ctx, event.DeleteEvent{Object: child("web", "6")}, q)
	hears("its deletion, in the version that was written", "web")
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
