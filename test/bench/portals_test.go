// Package bench measures; it has no pass or fail. "make bench" runs it.
package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

// TestMain starts a control plane with durable writes and without any other
// controller that writes: what is measured is the operator and the API server.
// SEATS is how many requests the API server works on at once, a third of them
// writes; 600 is what it ships with.
func TestMain(m *testing.M) {
	o := controlplane.Options{Fsync: true}
	if seats := fromEnv("SEATS", 0); seats > 0 {
		o.APIServerArgs = []string{
			fmt.Sprintf("--max-requests-inflight=%d", seats-seats/3),
			fmt.Sprintf("--max-mutating-requests-inflight=%d", seats/3),
		}
	}
	harness.Main(m, &env, o)
}

// fromEnv reads a number from the environment.
func fromEnv(name string, otherwise int) int {
	if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return v
	}
	return otherwise
}

// operate starts the operator; the context bounds the run.
func operate(b *testing.B) (ctx context.Context, op *harness.Operator, stop func()) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Minute)
	op, err := env.StartOperator(ctx, harness.OperatorOptions{})
	if err != nil {
		cancel()
		b.Fatal(err)
	}
	return ctx, op, func() {
		_ = op.Stop()
		cancel()
	}
}

// createSoon creates an object whose namespace, or the right in it, is on its way.
func createSoon(b *testing.B, c client.Client, o client.Object) {
	b.Helper()
	err := c.Create(b.Context(), o)
	for end := time.Now().Add(harness.Timeout); (apierrors.IsNotFound(err) || apierrors.IsForbidden(err)) && time.Now().Before(end); err = c.Create(b.Context(), o) {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		b.Fatalf("%.600v", err)
	}
}

// portalsPerAgency stays below the default quota.
const portalsPerAgency = 20

// BenchmarkPortals creates N portals (default 200, N in the environment) and
// prints the time until the operator is done, its writes per portal and the
// heap that they cost.
func BenchmarkPortals(b *testing.B) {
	for range b.N {
		run(b, fromEnv("N", 200))
	}
}

func run(b *testing.B, n int) {
	ctx, op, stop := operate(b)
	defer stop()
	agencies := (n + portalsPerAgency - 1) / portalsPerAgency
	for i := range agencies {
		if err := env.Admin.Create(ctx, harness.Agency(fmt.Sprintf("bench%d", i), fmt.Sprintf("B10.%d", i), func(a *v1alpha1.Agency) { a.Spec.Code = fmt.Sprintf("Z%02d", i+1) })); err != nil {
			b.Fatal(err)
		}
	}
	if err := waitNamespaces(ctx, agencies); err != nil {
		b.Fatal(err)
	}
	waitQuiet(op, time.Second)
	heapBefore := heap()
	op.Requests.Reset()
	start := time.Now()
	for i := range n {
		if err := env.Admin.Create(ctx, harness.Portal(fmt.Sprintf("bench%d", i/portalsPerAgency), fmt.Sprintf("portal%d", i))); err != nil {
			b.Fatal(err)
		}
	}
	created := time.Since(start)
	elapsed := waitQuiet(op, 2*time.Second).Sub(start)
	var writes, others, conflicts int
	for _, r := range op.Requests.Writes() {
		switch {
		case r.Status == 409:
			conflicts++
		case strings.Contains(r.Path, "/namespaces/"):
			writes++
		default:
			others++
		}
	}
	var portals v1alpha1.AgencyPortalList
	if err := env.Admin.List(ctx, &portals, client.InNamespace("agency-bench0")); err != nil {
		b.Fatal(err)
	}
	children := len(portals.Items[0].Status.Inventory)
	reads := len(op.Requests.Reads())
	// What the test remembers of requests is none of the operator's memory.
	op.Requests.Reset()
	heapPerPortal := float64(heap()-heapBefore) / float64(n)
	fmt.Printf("portals %d  children each K=%d  created in %.1fs  done in %.1fs  writes per portal %.2f (K+1=%d)  status writes of agencies %d  conflicts %d  reads past the cache %d  heap per portal %.1f KiB\n",
		n, children, created.Seconds(), elapsed.Seconds(), float64(writes)/float64(n), children+1, others, conflicts, reads, heapPerPortal/1024)
	b.ReportMetric(float64(writes)/float64(n), "writes/portal")
	b.ReportMetric(elapsed.Seconds(), "s")
	b.ReportMetric(heapPerPortal, "heapB/portal")
}

// waitNamespaces waits until so many agencies have their namespace.
func waitNamespaces(ctx context.Context, want int) error {
	for {
		var agencies v1alpha1.AgencyList
		if err := env.Admin.List(ctx, &agencies); err != nil {
			return err
		}
		have := 0
		for i := range agencies.Items {
			if meta.IsStatusConditionTrue(agencies.Items[i].Status.Conditions, v1alpha1.ConditionReady) {
				have++
			}
		}
		if have >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d agencies are ready: %w", have, want, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitQuiet returns when the last write before a quiet time was seen.
func waitQuiet(op *harness.Operator, quiet time.Duration) time.Time {
	last, since := -1, time.Now()
	for time.Since(since) < quiet {
		if n := len(op.Requests.Writes()); n != last {
			last, since = n, time.Now()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return since
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
