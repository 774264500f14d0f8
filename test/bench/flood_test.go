package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	floodRate    = 100
	floodPortals = 20
	victim       = "calm"
	provider     = "gives"
	flooder      = "loud"
	// floodRise is how long a flood goes on before it is measured against.
	floodRise = 8 * time.Second
)

// BenchmarkFlood measures how long closing takes while one agency's
// administrator sends 100 updates a second on its own portals, and at rest: an
// agency is suspended, until all that opens in its namespace is gone and its
// link's pair; and a link is suspended by its provider. ROUNDS (5) rounds, at
// rest and flooded by turns. A plain write shows how much of the difference is
// the API server's.
func BenchmarkFlood(b *testing.B) {
	for range b.N {
		runFlood(b, fromEnv("ROUNDS", 5))
	}
}

// closing are the times of one kind of closing.
type closing struct{ rest, flooded []time.Duration }

func (c *closing) add(flooded bool, d time.Duration) {
	if flooded {
		c.flooded = append(c.flooded, d)
	} else {
		c.rest = append(c.rest, d)
	}
}

func (c *closing) ratio() float64 { return float64(median(c.flooded)) / float64(median(c.rest)) }

func (c *closing) String() string {
	show := func(all []time.Duration) string {
		return fmt.Sprintf("%d ms (%d to %d)", median(all).Milliseconds(), slices.Min(all).Milliseconds(), slices.Max(all).Milliseconds())
	}
	return fmt.Sprintf("at rest %s  flooded %s  ratio %.2f", show(c.rest), show(c.flooded), c.ratio())
}

func runFlood(b *testing.B, rounds int) {
	_, op, stop := operate(b)
	defer stop()
	f := &floodBench{B: b}
	f.watch()
	f.prepare(op)
	agency, link, plain := &closing{}, &closing{}, &closing{}
	for round := range rounds {
		for _, flooded := range []bool{false, true} {
			end := func() (int64, int64) { return 0, 0 }
			started := time.Now()
			if flooded {
				end = f.flood()
				time.Sleep(floodRise)
			}
			w := f.write()
			s := f.suspendAgency()
			// What the end of the suspension has the operator do is not the link's.
			time.Sleep(floodRise)
			l, stored := f.suspendLink()
			for _, m := range []struct {
				of *closing
				d  time.Duration
			}{{agency, s}, {link, l}, {plain, w}} {
				m.of.add(flooded, m.d)
			}
			took := time.Since(started)
			sent, refused := end()
			fmt.Printf("round %d  flooded %-5t  agency %4d ms  link %4d ms (stored after %d)  a plain write %3d ms", round+1, flooded, s.Milliseconds(), l.Milliseconds(), stored.Milliseconds(), w.Milliseconds())
			if flooded && sent > 0 {
				fmt.Printf("  %.0f updates/s, %d refused", float64(sent)/took.Seconds(), refused)
			}
			fmt.Println()
			f.restore()
			waitQuiet(op, 2*time.Second)
		}
	}
	fmt.Printf("suspension of an agency:  %s\nsuspension of a link:     %s\na plain write:            %s\n", agency, link, plain)
	b.ReportMetric(agency.ratio(), "agency-ratio")
	b.ReportMetric(link.ratio(), "link-ratio")
	b.ReportMetric(plain.ratio(), "write-ratio")
}

// floodBench is an agency that floods and two that share data.
type floodBench struct {
	*testing.B
	// admin of the agency that floods, with the shipped role.
	admin client.Client
	link  *v1alpha1.DataSharingLink
	// policies as a watch sees them.
	policies networkinglisters.NetworkPolicyLister
	// suspension of the link's provider; nil while there is none.
	suspension *v1alpha1.DataSharingApproval
}

func (f *floodBench) create(o client.Object) { createSoon(f.B, env.Admin, o) }

func (f *floodBench) prepare(op *harness.Operator) {
	f.Helper()
	f.admin = env.User(f.B, "mallory@"+flooder, flooder+"-admins", "system:authenticated")
	f.create(harness.Policy("flood", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = []v1alpha1.AgencyName{victim, provider, flooder}
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	}))
	for i, name := range []string{victim, provider, flooder} {
		f.create(harness.Agency(name, fmt.Sprintf("F%02d", i)))
	}
	f.create(harness.Portal(victim, "asks"))
	f.create(harness.Portal(provider, "gives"))
	f.create(harness.Service(provider, "data", "gives"))
	for i := range floodPortals {
		f.create(harness.Portal(flooder, fmt.Sprintf("p%d", i)))
	}
	f.link = harness.Link(victim, "wants", "asks", provider, "data")
	f.create(f.link)
	waitQuiet(op, 2*time.Second)
	f.until("the link has a scope", func() bool { return f.read(f.link) == nil && f.link.Status.SpecHash != "" })
	f.create(harness.Approval(provider, f.link, v1alpha1.DecisionApprove))
	f.until("the link is open", func() bool { return len(f.openings(f.ofLink)) == 2 })
	waitQuiet(op, 2*time.Second)
}

func (f *floodBench) read(o client.Object) error {
	return env.Admin.Get(f.Context(), client.ObjectKeyFromObject(o), o) //nolint:wrapcheck // Only whether it failed counts.
}

// until waits, and returns how long.
func (f *floodBench) until(what string, holds func() bool) time.Duration {
	f.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > 5*time.Minute {
			f.Fatalf("not within 5 min: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

// watch follows the network policies, as a network plug-in does. Whoever lists
// them instead, again and again, adds to the load, and waits up to 100 ms until
// the API server knows that its cache is current.
func (f *floodBench) watch() {
	f.Helper()
	clients, err := kubernetes.NewForConfig(env.ControlPlane.AdminConfig())
	if err != nil {
		f.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(clients, 0)
	f.policies = factory.Networking().V1().NetworkPolicies().Lister()
	factory.StartWithContext(f.Context())
	for kind, ok := range factory.WaitForCacheSync(f.Context().Done()) {
		if !ok {
			f.Fatalf("no watch of %s", kind)
		}
	}
}

// openings returns the network policies with a rule, of the two agencies that
// share data.
func (f *floodBench) openings(of func(*networkingv1.NetworkPolicy) bool) []string {
	f.Helper()
	var out []string
	for _, agency := range []string{victim, provider} {
		list, err := f.policies.NetworkPolicies(names.Namespace(agency)).List(labels.Everything())
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range list {
			if len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 && of(p) {
				out = append(out, p.Namespace+"/"+p.Name)
			}
		}
	}
	return out
}

func (f *floodBench) ofLink(p *networkingv1.NetworkPolicy) bool {
	return p.Labels[names.LabelOwnerUID] == string(f.link.UID)
}

func (f *floodBench) ofVictim(p *networkingv1.NetworkPolicy) bool {
	return f.ofLink(p) || p.Namespace == names.Namespace(victim)
}

func (f *floodBench) suspend(yes bool) {
	f.Helper()
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: victim}}
	if err := env.Admin.Patch(f.Context(), a, client.RawPatch(client.Merge.Type(), fmt.Appendf(nil, `{"spec":{"suspended":%t}}`, yes))); err != nil {
		f.Fatal(err)
	}
}

// suspendAgency returns how long an agency's suspension takes, and takes it back.
func (f *floodBench) suspendAgency() time.Duration {
	f.Helper()
	start := time.Now()
	f.suspend(true)
	f.until("the agency is closed", func() bool { return len(f.openings(f.ofVictim)) == 0 })
	took := time.Since(start)
	f.suspend(false)
	f.until("the agency is open again", func() bool { return len(f.openings(f.ofLink)) == 2 })
	return took
}

// suspendLink returns how long a suspension by the link's provider takes, and how
// much of that the API server takes to answer whoever suspends.
func (f *floodBench) suspendLink() (took, stored time.Duration) {
	f.Helper()
	f.suspension = harness.Approval(provider, f.link, v1alpha1.DecisionSuspend)
	f.suspension.Name = "stop"
	start := time.Now()
	f.create(f.suspension)
	stored = time.Since(start)
	f.until("the link is closed", func() bool { return len(f.openings(f.ofLink)) == 0 })
	return time.Since(start), stored
}

func (f *floodBench) restore() {
	f.Helper()
	if err := env.Admin.Delete(f.Context(), f.suspension); err != nil {
		f.Fatal(err)
	}
	f.until("the link is open again", func() bool { return len(f.openings(f.ofLink)) == 2 })
}

// write returns the median time of a few plain writes.
func (f *floodBench) write() time.Duration {
	f.Helper()
	var all []time.Duration
	for i := range 5 {
		c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "plain-", Namespace: "default"}, Data: map[string]string{"i": strconv.Itoa(i)}}
		start := time.Now()
		f.create(c)
		all = append(all, time.Since(start))
	}
	return median(all)
}

// flood sends updates that change what runs until it is stopped, which returns
// how many were sent, and how many of them were refused.
func (f *floodBench) flood() (stop func() (sent, refused int64)) {
	ctx, cancel := context.WithCancel(f.Context())
	var sent, refused atomic.Int64
	var wg sync.WaitGroup
	work := make(chan int)
	for range 32 {
		wg.Go(func() {
			for i := range work {
				p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i%floodPortals), Namespace: names.Namespace(flooder)}}
				body := fmt.Appendf(nil, `{"spec":{"env":[{"name":"FLOOD","value":"%d-%s"}]}}`, i, strings.Repeat("x", i%7))
				if err := f.admin.Patch(ctx, p, client.RawPatch(client.Merge.Type(), body)); err != nil && ctx.Err() == nil {
					refused.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	wg.Go(func() {
		defer close(work)
		tick := time.NewTicker(time.Second / floodRate)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case <-ctx.Done():
				return
			case work <- i:
			}
		}
	})
	return func() (int64, int64) {
		cancel()
		wg.Wait()
		return sent.Load(), refused.Load()
	}
}
