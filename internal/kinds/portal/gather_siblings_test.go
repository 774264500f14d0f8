package portal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestSiblingsSuffice decides about the portals of many agencies by what a round reads of
// the others, and by all of them: nothing differs. In some agencies more run than their
// quota has, statuses were lost, and portals go.
// Fails when a portal that runs is not counted by its Deployment, when one that starts is
// not counted for, and without the look at what runs in IndexPortalOneStop.
func TestSiblingsSuffice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	var objects []client.Object
	worlds := map[*v1alpha1.Agency][]v1alpha1.AgencyPortal{}
	ran := map[types.UID]*appsv1.Deployment{}
	for i := range 150 {
		a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("a", i), UID: types.UID(fmt.Sprint("a", i))}}
		a.Spec.Quota.Portals = ptr.To(int32(r.IntN(5))) //nolint:gosec // small
		for j := range r.IntN(6) {
			p, d := randomSibling(r, names.Namespace(a.Name), j)
			if d != nil {
				ran[p.UID] = d
				objects = append(objects, d)
			}
			worlds[a] = append(worlds[a], *p)
			objects = append(objects, p)
		}
		a.Status.Portals = int32(len(worlds[a])) //nolint:gosec // small
		objects = append(objects, a)
	}
	cached := kindtest.Cache(t, func(ctx context.Context, x client.FieldIndexer) error {
		var errs []error
		for _, i := range Indexes(settings.Default()) {
			errs = append(errs, x.IndexField(ctx, &v1alpha1.AgencyPortal{}, i.Field, func(o client.Object) []string { return i.Keys(o.(*v1alpha1.AgencyPortal)) }))
		}
		return errors.Join(errs...)
	}, objects...)
	blocked, beyond, second := 0, 0, 0
	for a, all := range worlds {
		of := map[string]*appsv1.Deployment{}
		for i := range all {
			of[all[i].Name] = ran[all[i].UID]
		}
		for i := range all {
			p := &all[i]
			in := Input{Settings: settings.Default(), Portal: p, Agency: a, NamespaceGuarded: true, Deployment: of[p.Name]}
			full := in
			if err := siblings(t.Context(), cached, &in); err != nil {
				t.Fatal(err)
			}
			for j := range all {
				switch s := &all[j]; {
				case s.UID == p.UID:
				case read.Precedes(s, p):
					full.OlderSiblings++
				case started(s, of[s.Name]):
					full.RunningSiblings++
				}
			}
			full.OneStopHolder = oneStopHolderOf(p, all, of)
			got, want := Decide(in), Decide(full)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s/%s is decided about differently:\n%s", p.Namespace, p.Name, diff)
			}
			for _, b := range want.Blockers {
				if b.Reason == v1alpha1.ReasonPortalQuota {
					blocked++
				}
			}
			if want.Beyond != nil {
				beyond++
			}
			if secondOneStop(full) {
				second++
			}
		}
	}
	if blocked < 10 || beyond < 10 || second < 10 {
		t.Errorf("%d portals without room, %d beyond the quota and %d that another one-stop system keeps out prove little", blocked, beyond, second)
	}
}

func randomSibling(r *rand.Rand, namespace string, j int) (*v1alpha1.AgencyPortal, *appsv1.Deployment) {
	oneStop := []v1alpha1.Component{v1alpha1.ComponentOneStop}
	_, p := kindtest.RandomObjects(r)
	p.Namespace, p.Name, p.Status = namespace, fmt.Sprint("p", j), v1alpha1.AgencyPortalStatus{}
	p.UID = types.UID(namespace + p.Name)
	p.CreationTimestamp = metav1.NewTime(kindtest.Noon.Add(time.Duration(r.IntN(3)) * time.Minute))
	p.Spec.Components = nil
	if r.IntN(2) == 0 {
		p.Spec.Components = oneStop
	}
	if r.IntN(8) == 0 {
		p.DeletionTimestamp = ptr.To(metav1.NewTime(kindtest.Noon))
	}
	var d *appsv1.Deployment
	if r.IntN(2) == 0 {
		if r.IntN(3) > 0 {
			p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: p.Name}}
		} else {
			d = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: p.Name, Labels: map[string]string{names.LabelOwnerUID: string(p.UID)}}}
		}
		if r.IntN(3) > 0 {
			p.Status.LastCompliant = p.Spec.DeepCopy()
			p.Status.LastCompliant.Components = nil
			if r.IntN(2) == 0 {
				p.Status.LastCompliant.Components = oneStop
			}
		}
	}
	return p, d
}
