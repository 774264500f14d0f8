package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	standard = "speed"
	// outside is a namespace that the operator has nothing to do with.
	outside = "outside"
	// definitions are those that the operator watches of itself.
	definitions = "customresourcedefinitions"
	// silence is for how long no controller of Kubernetes looks at a budget until the
	// operator says so, once: here are none.
	silence = 70 * time.Second
	// mostEdits bounds the edits of a round.
	mostEdits = 100
)

// figures are the measurements on portals that have what they should.
type figures struct {
	*plane
	*table
	n, at int
	op    *running
	sight *sight
	// months that the standard asks for, and hours, which change nothing.
	months, hours int
	bare          *appsv1.Deployment
}

// figures measures everything but the throughput, by turns, and adds it to the table.
func (t *template) figures(b *testing.B, rounds, at, grow int, table *table) {
	b.Helper()
	p := fresh(b, t.dir)
	defer p.close()
	f := &figures{plane: p, table: table, n: t.n, at: at, months: 12, hours: 2000}
	f.prepare()
	for round := range rounds {
		fmt.Printf("round %d of the figures:\n", round+1)
		start := cpuNow()
		f.forced()
		f.edits()
		f.policyOverAll()
		f.noChange()
		f.editedMeanwhile()
		f.restart()
		fmt.Printf("  %s\n", cpuNow().since(start))
	}
	f.growth(grow)
	f.op.stop()
}

func (f *figures) prepare() {
	f.plane.Helper()
	f.must(f.Admin.Create(f.Context(), harness.Policy(standard, "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Logging = &v1alpha1.LoggingControl{RetentionMonths: int32(f.months)} //nolint:gosec // a dozen
		p.Spec.Certificates = &v1alpha1.CertificateControl{MaxDuration: &metav1.Duration{Duration: time.Duration(f.hours) * time.Hour}}
	})))
	f.op = f.operator(newMeter())
	f.op.idle(3 * time.Second)
	time.Sleep(silence)
	f.op.idle(3 * time.Second)
	f.sight = f.watchDeployments()
	var model appsv1.Deployment
	f.must(f.Admin.Get(f.Context(), client.ObjectKey{Namespace: names.Namespace(agencyOf(0)), Name: "p0"}, &model))
	f.bare = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: outside, Name: "bare"}, Spec: model.Spec}
	f.must(f.Admin.Create(f.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: outside}}))
	f.must(f.Admin.Create(f.Context(), f.bare))
}

func (f *figures) Context() context.Context { return f.plane.Context() }

func (f *figures) must(err error) {
	f.plane.Helper()
	if err != nil {
		f.plane.Fatalf("%.600v", err)
	}
}

// some is a portal by chance.
func (f *figures) some() client.ObjectKey {
	i := rand.IntN(f.n)
	return client.ObjectKey{Namespace: names.Namespace(agencyOf(i)), Name: "p" + strconv.Itoa(i)}
}

// standardIs changes the standard that is for all portals.
func (f *figures) standardIs() {
	f.plane.Helper()
	body := fmt.Appendf(nil, `{"spec":{"logging":{"retentionMonths":%d},"certificates":{"maxDuration":"%dh"}}}`, f.months, f.hours)
	p := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: standard}}
	f.must(f.Admin.Patch(f.Context(), p, client.RawPatch(types.MergePatchType, body)))
}

// forced has every portal looked at again although nothing changed.
func (f *figures) forced() {
	f.plane.Helper()
	f.op.idle(settle)
	// What a process costs that looks as often whether there is work.
	start := cpuNow()
	f.op.idle(2 * time.Second)
	rest := cpuNow().since(start)
	idle := rest.self.Seconds() / rest.wall.Seconds()
	f.op.reset()
	before, start := working(), cpuNow()
	for i := range f.n {
		f.op.op.Manager.Queues().Enqueue("agencyportal", ctrl.Request{NamespacedName: client.ObjectKey{Namespace: names.Namespace(agencyOf(i)), Name: "p" + strconv.Itoa(i)}})
	}
	f.op.idle(time.Second)
	u, rounds := cpuNow().since(start), working().all()-before.all()
	requests := f.op.count() + f.op.reads + sum(f.op.others) + f.op.events
	each := (u.self.Seconds() - idle*u.wall.Seconds()) * 1000 / float64(f.n)
	f.add("forced look at all: requests", float64(requests))
	f.add("forced look at all: ms of processor per portal", max(0, each))
	fmt.Printf("  forced look at all: %d rounds, %d requests, %.2f ms of processor per portal\n", rounds, requests, each)
}

// edits changes the image of a portal, and of a Deployment that is nobody's, by turns.
func (f *figures) edits() {
	f.plane.Helper()
	var ours, bare []time.Duration
	// Few for each agency, so that none goes beyond its share of the queue.
	for range min(mostEdits, f.n/10) {
		image := newImage()
		seen := f.sight.expect(outside+"/bare", image)
		f.bare.Spec.Template.Spec.Containers[0].Image = image
		start := time.Now()
		f.must(f.Admin.Update(f.Context(), f.bare))
		bare = append(bare, f.wait(seen).Sub(start))
		time.Sleep(10 * time.Millisecond)
		ours = append(ours, f.edit(f.some()))
		time.Sleep(10 * time.Millisecond)
	}
	ratio := float64(percentile(ours, 0.99)) / float64(percentile(bare, 0.99))
	f.add("spec change, p99: child on another watch / a bare PUT", ratio)
	fmt.Printf("  spec change: %s; a bare PUT: %s; ratio of p99 %.2f\n", percentiles(ours), percentiles(bare), ratio)
	f.op.idle(settle)
}

// edit changes a portal's image, and returns when its Deployment shows it.
func (f *figures) edit(portal client.ObjectKey) time.Duration {
	f.plane.Helper()
	image := newImage()
	seen := f.sight.expect(portal.String(), image)
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: portal.Namespace, Name: portal.Name}}
	start := time.Now()
	f.must(f.Admin.Patch(f.Context(), p, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"image":%q}}`, image))))
	return f.wait(seen).Sub(start)
}

func (f *figures) wait(seen <-chan time.Time) time.Time {
	f.plane.Helper()
	select {
	case at := <-seen:
		return at
	case <-time.After(time.Minute):
		f.plane.Fatalf("what was changed does not show within a minute; the operator wrote %s", f.op)
		return time.Time{}
	}
}

// policyOverAll changes one standard for all portals, and compares it with a client
// that changes the same Deployments while the operator only watches, before it and after
// it, since a machine is not as fast all the time.
func (f *figures) policyOverAll() {
	f.plane.Helper()
	puts := f.barePuts()
	f.op.reset()
	before := working()
	f.months = 12 + (f.months-11)%100
	all := f.sight.all(f.n, strconv.Itoa(f.months))
	start := time.Now()
	f.standardIs()
	took := f.wait(all).Sub(start)
	f.op.idle(settle)
	beyond, rounds := f.op.count()-f.n, working().rounds["agencyportal"]-before.rounds["agencyportal"]
	written := f.op.String()
	puts = append(puts, f.barePuts()...)
	ratio := took.Seconds() / median(puts)
	f.add("a policy over all portals: writes beyond the changed children", float64(beyond))
	f.add("a policy over all portals: time / bare PUTs of the same", ratio)
	f.add("a policy over all portals: rounds per portal", float64(rounds)/float64(f.n))
	fmt.Printf("  a policy over %d portals: %.2f s, %s; bare PUTs %.2f s; ratio %.2f; rounds per portal %.2f\n", f.n, took.Seconds(), written, puts, ratio, float64(rounds)/float64(f.n))
}

// barePuts changes all Deployments back and forth, so that the operator finds what it
// left, and returns how many seconds each took.
func (f *figures) barePuts() (puts []float64) {
	f.plane.Helper()
	f.op.idle(settle)
	f.op.stop()
	w := f.watches()
	for _, months := range []int{f.months + 1, f.months} {
		time.Sleep(settle)
		puts = append(puts, f.put(strconv.Itoa(months)).Seconds())
	}
	time.Sleep(settle)
	w.stop()
	f.startAgain(nil)
	return puts
}

// put changes all Deployments as a bare client, and returns how long until another
// watch has seen them.
func (f *figures) put(months string) time.Duration {
	f.plane.Helper()
	c, err := harness.NewClient(f.as(newMeter()))
	f.must(err)
	var list appsv1.DeploymentList
	f.must(f.Admin.List(f.Context(), &list, client.MatchingLabels{names.LabelManagedBy: names.ManagedBy}))
	all := f.sight.all(len(list.Items), months)
	start := time.Now()
	f.parallel(len(list.Items), f.at, func(i int) error {
		d := &list.Items[i]
		d.Spec.Template.Annotations[names.AnnotationLogRetention] = months
		return c.Update(f.Context(), d, client.FieldOwner(names.FieldOwner))
	})
	return f.wait(all).Sub(start)
}

// noChange edits the standard so that every portal is looked at and no child changes.
func (f *figures) noChange() {
	f.plane.Helper()
	f.op.reset()
	before := working()
	f.hours++
	f.standardIs()
	f.op.idle(settle)
	f.add("a policy edit that changes nothing: child writes", float64(f.op.count()))
	fmt.Printf("  a policy edit that changes nothing: %s; rounds %v\n", f.op, since(working().rounds, before.rounds))
}

func since(now, before map[string]int) map[string]int {
	out := map[string]int{}
	for k, n := range now {
		if n -= before[k]; n > 0 {
			out[k] = n
		}
	}
	return out
}

// editedMeanwhile edits one portal after the other while a standard is applied to all.
func (f *figures) editedMeanwhile() {
	f.plane.Helper()
	f.op.reset()
	f.months = 12 + (f.months-11)%100
	f.standardIs()
	var all []time.Duration
	for f.op.count() < f.n*9/10 {
		all = append(all, f.edit(f.some()))
	}
	f.op.idle(settle)
	if len(all) > 0 {
		f.add("a portal edited during that, p99 in ms", percentile(all, 0.99).Seconds()*1000)
		fmt.Printf("  %d portals edited during that: %s\n", len(all), percentiles(all))
	}
}

// starts is how often a round starts the operator, and its watches alone.
const starts = 3

// restart starts the watches of the operator alone and the operator, by turns, and takes
// the middle of each: how long a start takes differs by a third from one to the next.
func (f *figures) restart() {
	f.plane.Helper()
	var bare, synced, done []float64
	writes := 0
	for range starts {
		f.op.idle(settle)
		f.op.stop()
		w := f.watches()
		w.stop()
		time.Sleep(settle)
		end := f.startAgain(w.watched)
		bare, synced, done = append(bare, w.synced.Seconds()), append(synced, f.op.synced.Seconds()), append(done, end.Sub(f.op.began).Seconds())
		writes += f.op.count()
	}
	f.add("restart: writes of what portals have", float64(writes))
	f.add("restart: caches filled / a bare informer sync", median(synced)/median(bare))
	f.add("restart: all reconciled / a bare informer sync", median(done)/median(bare))
	fmt.Printf("  restart: a bare sync %.2f s, the operator's %.2f s, all reconciled after %.2f s; ratio %.2f; writes %d\n", bare, synced, done, median(done)/median(bare), writes)
}

// startAgain starts the operator and returns when it had looked at all; it watches what the
// bare watches do to which it is compared, nil for none.
func (f *figures) startAgain(watched []string) time.Time {
	f.plane.Helper()
	f.op = f.operator(newMeter())
	end := f.op.idle(settle)
	// The operator watches its definitions by name, which costs nothing that grows.
	of := slices.DeleteFunc(f.op.op.Requests.Watched(), func(r string) bool { return r == definitions })
	if watched != nil && !slices.Equal(of, watched) {
		f.plane.Errorf("the operator watches %v and the bare client %v", of, watched)
	}
	return end
}

// growth makes more portals and measures what each costs of the heap, of an operator
// that has just started.
func (f *figures) growth(to int) {
	f.plane.Helper()
	before := f.liveHeap()
	f.createAgencies(f.n, to)
	f.op.idle(settle)
	f.createPortals(f.n, to)
	f.op.idle(3 * time.Second)
	time.Sleep(silence)
	f.op.idle(3 * time.Second)
	after := f.liveHeap()
	slope := (after - before) / 1024 / float64(to-f.n)
	f.add("heap in KiB for each further portal", slope)
	fmt.Printf("heap: %.1f MiB with %d portals, %.1f MiB with %d\n", before/(1<<20), f.n, after/(1<<20), to)
}

// liveHeap is the heap that an operator takes which has just started.
func (f *figures) liveHeap() float64 {
	f.plane.Helper()
	f.op.stop()
	f.op = nil
	without := heap()
	f.startAgain(nil)
	f.op.reset()
	f.op.op.Requests.Reset()
	return float64(heap()) - float64(without)
}

func newImage() string {
	return fmt.Sprintf("registry.platform.example.gov.vn/test/portal@sha256:%064x", rand.Int64())
}

func percentile(all []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

func percentiles(all []time.Duration) string {
	ms := func(p float64) float64 { return percentile(all, p).Seconds() * 1000 }
	return fmt.Sprintf("p50 %.0f ms, p99 %.0f ms, most %.0f ms", ms(0.5), ms(0.99), ms(1))
}
