// Package bench measures; it has no pass or fail. "make bench" runs it.
package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

// env is the control plane that benchmarks share which operate starts it for.
var env *harness.Env

// TestMain ends the control plane that was shared, if any benchmark needed it.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	code := m.Run()
	stopShared()
	os.Exit(code)
}

// options are a control plane with durable writes and without any other
// controller that writes: what is measured is the operator and the API server.
// SEATS is how many requests the API server works on at once, a third of them
// writes; 600 is what it ships with.
func options() controlplane.Options {
	o := controlplane.Options{Fsync: true}
	if seats := fromEnv("SEATS", 0); seats > 0 {
		o.APIServerArgs = []string{
			fmt.Sprintf("--max-requests-inflight=%d", seats-seats/3),
			fmt.Sprintf("--max-mutating-requests-inflight=%d", seats/3),
		}
	}
	return o
}

func stopShared() {
	if env != nil {
		_ = env.ControlPlane.Stop()
		env = nil
	}
}

// fromEnv reads a number from the environment.
func fromEnv(name string, otherwise int) int {
	if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return v
	}
	return otherwise
}

// operate starts the operator on the control plane that is shared; the context
// bounds the run.
func operate(b *testing.B) (ctx context.Context, op *harness.Operator, stop func()) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Minute)
	if env == nil {
		e, err := harness.Start(ctx, options())
		if err != nil {
			cancel()
			b.Fatal(err)
		}
		env = e
	}
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
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
