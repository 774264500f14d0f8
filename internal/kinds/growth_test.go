package kinds_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/approval"
	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/metrics"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/tally"
)

// grown is a cache with one agency of n portals that run and comply, of which a policy
// counts all.
func grown(tb testing.TB, n int) *kindtest.Counting {
	a, _ := kindtest.EndObjects("big", "x", 8080)
	objects := []client.Object{a, standard()}
	for i := range n {
		_, p := kindtest.EndObjects("big", fmt.Sprintf("p%05d", i), 8080)
		p.CreationTimestamp = metav1.NewTime(kindtest.Noon.Add(time.Duration(i) * time.Second))
		p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: p.Name}, {Kind: "Service", Name: p.Name}}
		p.Status.LastCompliant = p.Spec.DeepCopy()
		p.Status.Policies = []string{"standard"}
		objects = append(objects, p, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
	}
	r := kindtest.Cache(tb, func(ctx context.Context, x client.FieldIndexer) error {
		return index.Register(ctx, x, settings.Default())
	}, objects...)
	r.Stores = kindtest.Tally(tb, func(kind string) []tally.Field {
		return append(metrics.Fields(kind), securitypolicy.Fields(kind)...)
	}, objects...)
	return r
}

func standard() *v1alpha1.SecurityPolicy {
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "standard", UID: "standard", Generation: 1}, Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce}}
	p.Status.InForce = p.Spec.DeepCopy()
	return p
}

func newest(running bool) *v1alpha1.AgencyPortal {
	_, p := kindtest.EndObjects("big", "newest", 8080)
	p.UID, p.CreationTimestamp = types.UID("newest"), metav1.NewTime(kindtest.Noon.Add(time.Hour*24))
	if running {
		p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: p.Name}}
	}
	return p
}

// costs are what grows with the number of portals, or must not.
func costs(r *kindtest.Counting) map[string]func() error {
	ctx := context.Background()
	round := func(p *v1alpha1.AgencyPortal) func() error {
		return func() error {
			_, err := portal.Gather(ctx, r, settings.Default(), p)
			return err //nolint:wrapcheck // of a test
		}
	}
	oneStop := newest(true)
	oneStop.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop}
	return map[string]func() error{
		"round of a new portal":        round(newest(false)),
		"round of a portal that runs":  round(newest(true)),
		"round of the one-stop system": round(oneStop),
		"recount of a policy": func() error {
			_, err := securitypolicy.Gather(ctx, r, r, settings.Default(), kindtest.Noon, standard())
			return err //nolint:wrapcheck // of a test
		},
		"scrape": func() error {
			ch := make(chan prometheus.Metric, 100)
			metrics.Collector{Counts: r}.Collect(ch)
			return nil
		},
	}
}

// linked is a cache with n links of as many agencies to one service, each approved.
func linked(tb testing.TB, n int) *kindtest.Counting {
	_, svc, policies := kindtest.LinkObjects()
	giver, serves := kindtest.EndObjects("giver", "serves", 8443)
	objects := []client.Object{svc, giver, serves, &policies[0]}
	for i := range n {
		l, _, _ := kindtest.LinkObjects()
		asker, asks := kindtest.EndObjects(fmt.Sprint("asker", i), "asks", 8080)
		asks.UID = types.UID(asker.Name)
		l.Namespace, l.UID = names.Namespace(asker.Name), types.UID("l"+asker.Name)
		a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-giver", Name: asker.Name, UID: types.UID("d" + asker.Name)}}
		a.Spec.LinkRef = v1alpha1.LinkReference{Namespace: v1alpha1.ObjectName(l.Namespace), Name: v1alpha1.ObjectName(l.Name)}
		objects = append(objects, asker, asks, l, a)
	}
	return kindtest.Cache(tb, func(ctx context.Context, x client.FieldIndexer) error {
		return index.Register(ctx, x, settings.Default())
	}, objects...)
}

// costsOfLinks are what an approval leads to.
func costsOfLinks(r *kindtest.Counting) map[string]func() error {
	ctx, s := context.Background(), settings.Default()
	l, svc, _ := kindtest.LinkObjects()
	l.Namespace = "agency-asker0"
	a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-giver", Name: "asker0"}}
	a.Spec.LinkRef = v1alpha1.LinkReference{Namespace: "agency-asker0", Name: v1alpha1.ObjectName(l.Name)}
	agencyRound := func(name string) func() error {
		return func() error {
			a, _ := kindtest.EndObjects(name, "x", 1)
			a.Spec.Code = name
			_, err := agency.Gather(ctx, r, r, r, s, a)
			return err //nolint:wrapcheck // of a test
		}
	}
	return map[string]func() error{
		"round of a link":        func() error { _, err := link.Gather(ctx, r, s, kindtest.Noon, l); return err },      //nolint:wrapcheck // of a test
		"round of an approval":   func() error { _, err := approval.Gather(ctx, r, s, a); return err },                 //nolint:wrapcheck // of a test
		"round of the service":   func() error { _, err := service.Gather(ctx, r, s, svc, kindtest.Noon); return err }, //nolint:wrapcheck // of a test
		"round of the provider":  agencyRound("giver"),
		"round of a consumer":    agencyRound("asker0"),
		"round of the authority": agencyRound(s.AuthorityAgency),
	}
}

// grows are what is measured, and how many objects more are read for each object more.
var grows = []struct {
	of    func(testing.TB, int) *kindtest.Counting
	costs func(*kindtest.Counting) map[string]func() error
	more  map[string]int
}{
	{grown, costs, map[string]int{"round of a new portal": 1}},
	// An agency counts what others decided and asked of it.
	{linked, costsOfLinks, map[string]int{"round of the service": 1, "round of the provider": 3, "round of the authority": 1}},
}

// BenchmarkGrowth shows what grows with the number of portals of an agency, or of links.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{200, 1000, 4000} {
		for _, g := range grows {
			r := g.of(b, n)
			measure(b, n, r, g.costs(r))
		}
	}
}

func measure(b *testing.B, n int, r *kindtest.Counting, costs map[string]func() error) {
	for what, f := range costs {
		// The first use of a kind fills its cache.
		if err := f(); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(what, "/", n), func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
			_, objects := r.Cost(func() { _ = f() })
			b.ReportMetric(float64(objects), "objects/op")
		})
	}
}

// TestGrowth: what a round reads does not grow with the portals of an agency, or with the
// links of a service, but for one of a portal that starts, which is counted beside each of
// the others; and what looks at all looks at each as often as is said.
// Fails when a portal that runs lists its agency's portals or Deployments.
func TestGrowth(t *testing.T) {
	const few, many = 10, 200
	for _, g := range grows {
		read := map[string]int{}
		for _, n := range []int{few, many} {
			r := g.of(t, n)
			for what, f := range g.costs(r) {
				_, objects := r.Cost(func() {
					if err := f(); err != nil {
						t.Error(what, err)
					}
				})
				if n == many && objects-read[what] != g.more[what]*(many-few) {
					t.Errorf("%s: %d objects are read among %d, and %d among %d; want %d more for each", what, objects, many, read[what], few, g.more[what])
				}
				read[what] = objects
			}
		}
	}
}
