package agencyportal

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/settings"
)

// apiServer has portals and no Deployments, or fails.
type apiServer struct {
	client.Reader
	portals []v1alpha1.AgencyPortal
	err     error
}

func (s *apiServer) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*v1alpha1.AgencyPortalList); ok {
		list.Items = s.portals
	}
	return s.err
}

// asking is a portal that asks to be the one-stop system, minutes after another one.
func asking(name string, minutes int) *v1alpha1.AgencyPortal {
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: name, UID: types.UID(name), Generation: 1, CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 2, 0, minutes, 0, 0, time.UTC))}}
	p.Spec = v1alpha1.AgencyPortalSpec{Image: "registry.example/x:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 1}, Exposure: v1alpha1.ExposureInternal, Components: []v1alpha1.Component{v1alpha1.ComponentOneStop}}
	return p
}

// TestOneStopBegins: of two portals that begin at once one has the place, until it is
// on record or begins no more; what the caches do not know yet the API server does,
// and without an answer nothing begins.
// Fails when a place is not taken, or the API server is not asked after that.
func TestOneStopBegins(t *testing.T) {
	a, b := asking("a", 0), asking("b", 1)
	server := &apiServer{portals: []v1alpha1.AgencyPortal{*b}}
	r := &Reconciler{Applier: &apply.Applier{Live: server}}
	begin := func(p *v1alpha1.AgencyPortal) (holder string, again time.Duration, err error) {
		in := portal.Input{Settings: settings.Default(), Portal: p, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, NamespaceGuarded: true}
		out, again, err := r.Look(t.Context(), &in, portal.Decide(in))
		err = errors.Join(err, in.Unread)
		if err == nil && (out.Running == nil) != (in.OneStopHolder != "") {
			t.Errorf("%s: runs %v beside %q", p.Name, out.Running != nil, in.OneStopHolder)
		}
		return in.OneStopHolder, again, err
	}
	want := func(p *v1alpha1.AgencyPortal, holder string, again time.Duration) {
		t.Helper()
		if h, g, err := begin(p); h != holder || g != again || err != nil {
			t.Errorf("%s: held by %q, again in %v, %v; want %q, %v", p.Name, h, g, err, holder, again)
		}
	}
	want(b, "", 0)
	server.portals = append(server.portals, *a)
	want(a, "b", oneStopRetry)
	// It has begun and is on record: nothing is kept in memory, and its status says so.
	b.Status.Inventory, b.Status.LastCompliant = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "b"}}, b.Spec.DeepCopy()
	server.portals = []v1alpha1.AgencyPortal{*a, *b}
	want(b, "", 0)
	want(a, "b", 0)
	// It begins no more.
	b.Status, b.Spec.Components = v1alpha1.AgencyPortalStatus{}, nil
	server.portals = []v1alpha1.AgencyPortal{*a, *b}
	want(b, "", 0)
	want(a, "", 0)
	r.beginnings.giveBack(client.ObjectKeyFromObject(a))
	server.err = errors.New("no answer")
	if _, _, err := begin(a); err == nil {
		t.Error("it begins without an answer")
	}
}

// TestOneStopChanged: whoever waits for the place hears of a portal that takes it, or
// gives it up, by what runs and not by what is asked for.
func TestOneStopChanged(t *testing.T) {
	asks := asking("a", 0)
	runs := asks.DeepCopy()
	runs.Status.Inventory, runs.Status.LastCompliant = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "a"}}, asks.Spec.DeepCopy()
	edited := runs.DeepCopy()
	edited.Spec.Components = nil
	plain := edited.DeepCopy()
	plain.Status.LastCompliant.Components = nil
	stopped := runs.DeepCopy()
	stopped.Status.Inventory = nil
	for name, tt := range map[string]struct {
		before, after *v1alpha1.AgencyPortal
		want          bool
	}{
		"it begins": {asks, runs, true}, "an edit": {runs, edited, false}, "the edit runs": {edited, plain, true}, "it stops": {runs, stopped, true}, "nothing": {runs, runs, false},
	} {
		if got := oneStopChanged().Update(event.UpdateEvent{ObjectOld: tt.before, ObjectNew: tt.after}); got != tt.want {
			t.Errorf("%s: passes %t, want %t", name, got, tt.want)
		}
	}
	if p := oneStopChanged(); p.Create(event.CreateEvent{Object: runs}) || p.Delete(event.DeleteEvent{Object: runs}) {
		t.Error("a new portal or one that goes passes")
	}
}
