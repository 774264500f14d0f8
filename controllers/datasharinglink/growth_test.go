package datasharinglink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/settings"
)

// TestPolicyListsOnce: a standard reaches every link that one of the portals that it
// selects reaches, as consumer, provider, sibling of the same dataset or carrier, with as
// many lists for many portals as for few.
// Fails when a portal's services, links or platforms are listed for each portal, and when
// any of the four is left out.
func TestPolicyListsOnce(t *testing.T) {
	lists := map[int]int{}
	for _, n := range []int{5, 100} {
		carries := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "exchange"}}
		carries.Spec.Type, carries.Spec.Endpoint.Portal = v1alpha1.PlatformDataSharing, &v1alpha1.PortalEndpoint{Agency: "loud", Name: "p0"}
		objects := []client.Object{carries}
		link := func(namespace, name, consumer, provider, service string, route v1alpha1.LinkRoute) {
			l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
			l.Spec.Consumer.PortalRef.Name = v1alpha1.ObjectName(consumer)
			l.Spec.Provider = v1alpha1.LinkProvider{Agency: v1alpha1.AgencyName(provider), Service: v1alpha1.ObjectName(service)}
			l.Spec.Route = route
			objects = append(objects, l)
		}
		var portals []*v1alpha1.AgencyPortal
		for i := range n {
			p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-loud", Name: fmt.Sprint("p", i)}}
			portals = append(portals, p)
			// The sibling's portal is none that is selected.
			for _, s := range [][2]string{{fmt.Sprint("s", i), p.Name}, {fmt.Sprint("t", i), "unselected"}} {
				svc := &v1alpha1.DataService{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-loud", Name: s[0]}}
				svc.Spec.PortalRef.Name, svc.Spec.Dataset = v1alpha1.ObjectName(s[1]), v1alpha1.ObjectName(fmt.Sprint("d", i))
				objects = append(objects, svc)
				link("agency-asks", "to-"+s[0], "x", "loud", s[0], v1alpha1.RouteDirect)
			}
			link("agency-loud", fmt.Sprint("from", i), p.Name, "other", "x", v1alpha1.RouteDirect)
			objects = append(objects, p)
		}
		link("agency-asks", "over", "x", "other", "x", v1alpha1.RoutePlatform)
		link("agency-asks", "unrelated", "x", "other", "x", v1alpha1.RouteDirect)
		cached := kindtest.Cache(t, func(ctx context.Context, x client.FieldIndexer) error {
			return index.Register(ctx, x, settings.Default())
		}, objects...)
		r := &Reconciler{Client: cached}
		want, got := map[ctrl.Request]bool{}, map[ctrl.Request]bool{}
		for _, p := range portals {
			for _, req := range r.linksOfPortal(t.Context(), p) {
				want[req] = true
			}
		}
		policy := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "s"}}
		policy.Spec.Selector.Agencies = []v1alpha1.AgencyName{"loud"}
		lists[n], _ = cached.Cost(func() {
			for _, req := range r.linksOfPolicy(t.Context(), policy) {
				got[req] = true
			}
		})
		if !maps.Equal(got, want) || len(got) != 3*n+1 {
			t.Errorf("%d links reached, %d by their portals, want %d: %v", len(got), len(want), 3*n+1, slices.Collect(maps.Keys(got)))
		}
	}
	if lists[5] != lists[100] {
		t.Errorf("%d lists for 100 portals, and %d for 5", lists[100], lists[5])
	}
}
