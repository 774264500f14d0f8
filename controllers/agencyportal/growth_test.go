package agencyportal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// big is an agency of n portals that run and need nothing of each other, and of some that do.
func big(tb testing.TB, n int) *kindtest.Counting {
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "a"}}
	objects := []client.Object{a}
	add := func(name string, change func(*v1alpha1.AgencyPortal)) {
		p := asking(name, 0)
		p.UID, p.Spec.Components = types.UID(name), nil
		p.Status.Inventory, p.Status.LastCompliant = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: name}}, p.Spec.DeepCopy()
		change(p)
		objects = append(objects, p)
	}
	for i := range n {
		add(fmt.Sprintf("p%05d", i), func(*v1alpha1.AgencyPortal) {})
	}
	oneStop := []v1alpha1.Component{v1alpha1.ComponentOneStop}
	add("waits", func(p *v1alpha1.AgencyPortal) { p.Status = v1alpha1.AgencyPortalStatus{} })
	add("asks-and-runs", func(p *v1alpha1.AgencyPortal) { p.Spec.Components = oneStop })
	add("was-one-stop", func(p *v1alpha1.AgencyPortal) { p.Status.LastCompliant.Components = oneStop })
	add("beyond", func(p *v1alpha1.AgencyPortal) {
		p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionWorkloadAvailable, Status: metav1.ConditionTrue,
			Message: "1 of 1. It runs on, although it is beyond the quota; once it is stopped it does not start again: spec.quota.portals is 1."}}
	})
	add("named", func(p *v1alpha1.AgencyPortal) { p.Spec.Hostnames = []v1alpha1.DNSName{"x.a.gov.vn"} })
	return kindtest.Cache(tb, func(ctx context.Context, x client.FieldIndexer) error {
		return index.Register(ctx, x, settings.Default())
	}, objects...)
}

// TestFanOutIsFlat: what happens to one portal, and to the figure of a quota, reaches those
// that may take its place and no other one, however many the agency has.
// Fails when siblings, or rivals of a one-stop system, are all of the namespace, and when
// one that says it is beyond the quota is left out.
func TestFanOutIsFlat(t *testing.T) {
	gone := asking("gone", 0)
	gone.Spec.Components = nil
	oneStop := asking("gone", 0)
	named := gone.DeepCopy()
	named.Spec.Hostnames = []v1alpha1.DNSName{"x.a.gov.vn"}
	marks := map[string]string{names.LabelOwnerKind: v1alpha1.KindAgency, names.LabelOwnerName: "a"}
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	cost := map[string]int{}
	for _, n := range []int{5, 300} {
		cached := big(t, n)
		r := &Reconciler{Client: cached}
		for name, tt := range map[string]struct {
			to   func(context.Context, client.Object) []ctrl.Request
			of   client.Object
			want []string
		}{
			"a portal goes":                     {r.siblings, gone, []string{"asks-and-runs", "beyond", "waits", "was-one-stop"}},
			"a figure changes":                  {r.portalsThatWait, a, []string{"beyond", "waits"}},
			"another one asks for the one-stop": {r.rivals, oneStop, []string{"asks-and-runs", "was-one-stop"}},
			"a host name is freed":              {r.rivals, named, []string{"named"}},
			"another policy of the agency":      {r.portalsOfGuard, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "allow-dns", Labels: marks}}, nil},
		} {
			var got []string
			_, objects := cached.Cost(func() {
				for _, req := range tt.to(t.Context(), tt.of) {
					got = append(got, req.Name)
				}
			})
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, tt.want) {
				t.Errorf("%s, %d portals: reaches %v, want %v", name, n, got, tt.want)
			}
			if was, ok := cost[name]; ok && objects != was {
				t.Errorf("%s: %d objects are read, and %d with fewer portals", name, objects, was)
			}
			cost[name] = objects
		}
		for name, of := range map[string]client.Object{
			"the namespace":    &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-a", Labels: marks}},
			"the default deny": &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: agencykind.DefaultDeny, Labels: marks}},
		} {
			if got := r.portalsOfGuard(t.Context(), of); len(got) != n+5 {
				t.Errorf("%s: reaches %d portals of %d", name, len(got), n+5)
			}
		}
		if got := r.portalsOfAgency(t.Context(), a); len(got) != n+5 {
			t.Errorf("the agency reaches %d portals of %d", len(got), n+5)
		}
	}
}

// TestPolicyListsOnce: a policy reaches what it selects and the users of the platforms that
// these carry, with as many lists for many portals as for few.
// Fails when the platforms of every portal are looked for.
func TestPolicyListsOnce(t *testing.T) {
	lists := map[int]int{}
	for _, n := range []int{5, 300} {
		uses := asking("uses", 0)
		uses.Namespace, uses.Spec.PlatformRefs = "agency-b", []v1alpha1.PlatformReference{{Name: "pay"}}
		pay := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "pay"}}
		pay.Spec.Endpoint.Portal = &v1alpha1.PortalEndpoint{Agency: "a", Name: "carries"}
		objects := []client.Object{uses, pay}
		for i := range n {
			objects = append(objects, asking(fmt.Sprintf("p%05d", i), 0))
		}
		objects = append(objects, asking("carries", 0))
		cached := kindtest.Cache(t, func(ctx context.Context, x client.FieldIndexer) error {
			return index.Register(ctx, x, settings.Default())
		}, objects...)
		r := &Reconciler{Client: cached}
		policy := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: v1alpha1.SecurityPolicySpec{Selector: v1alpha1.PolicySelector{Agencies: []v1alpha1.AgencyName{"a"}}}}
		reached := map[string]bool{}
		lists[n], _ = cached.Cost(func() {
			for _, req := range r.portalsOfPolicy(t.Context(), policy) {
				reached[req.String()] = true
			}
		})
		if len(reached) != n+2 || !reached["agency-b/uses"] {
			t.Errorf("%d portals reached, want %d with agency-b/uses: %s", len(reached), n+2, strings.Join(slices.Sorted(maps.Keys(reached)), " "))
		}
	}
	if lists[5] != lists[300] {
		t.Errorf("%d lists for 300 portals, and %d for 5", lists[300], lists[5])
	}
}
