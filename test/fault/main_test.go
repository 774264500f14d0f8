package fault

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var (
	// points says at which writes the operator is killed: all of them, or some that a seed chooses.
	points = flag.Int("points", 2, "how many kill points to try for each scenario; 0 for all")
	quiet  = flag.Duration("quiet", 4*time.Second, "how long nothing may be written after the end of each run")
	late   = flag.Duration("late", 6*time.Second, "how late the events of a kind come")
	many   = flag.Int("many", 15, "how many portals there are beside those that are poison")
	room   = flag.Int("room", 2, "how many times as long as in the matrix a condition, a recovery and a repair may take, since other things run too; 1 for the matrix")
	seed   = flag.Uint64("seed", 0, "seed of the choice of kill points; 0 for one by the clock")
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if kubeconfig := os.Getenv(operatorVariable); kubeconfig != "" {
		os.Exit(runOperator(kubeconfig))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// start returns a control plane of the test's own, so that no test sees what another left. When the test ends, no round
// may have panicked and nothing of an operator may still run (O4).
func start(t *testing.T, apiServer ...string) *harness.Env {
	t.Helper()
	return startOn(t, 2, apiServer...)
}

// startOn is start with so many nodes, of 110 pods each.
func startOn(t *testing.T, nodes int, apiServer ...string) *harness.Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	env, err := harness.Start(ctx, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: nodes, APIServerArgs: apiServer})
	if err != nil {
		t.Fatal(err)
	}
	before, earlier := panics(t), goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if n := panics(t) - before; n != 0 && !strings.Contains(t.Name(), "/panic") {
			t.Errorf("%.0f rounds panicked", n)
		}
		nothingLeaks(t, earlier)
		_ = env.ControlPlane.Stop()
	})
	return env
}

// panics counts the rounds of this process that panicked; controller-runtime recovers them.
func panics(t *testing.T) float64 {
	t.Helper()
	sum, err := countPanics()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func countPanics() (sum float64, err error) {
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		return 0, fmt.Errorf("gather metrics: %w", err)
	}
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_panics_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum, nil
}

// nothingLeaks fails when something goes on after the operators were stopped. Connections are kept for the next client, and
// the control plane itself goes on.
func nothingLeaks(t *testing.T, earlier goleak.Option) {
	t.Helper()
	options := []goleak.Option{
		earlier,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*http2ClientConn).readLoop"), goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*ClientConn).readLoop"),
		goleak.IgnoreAnyFunction("github.com/govplatform/govplatform/test/controlplane.startProcess.func1"),
		goleak.IgnoreAnyFunction("github.com/govplatform/govplatform/test/sample.Metrics.func1"),
		// controller-runtime watches what it keeps only the metadata of with watch.Filter, which a stopped watch leaves behind.
		goleak.IgnoreTopFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"),
	}
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Second) {
		if err = goleak.Find(options...); err == nil {
			return
		}
	}
	const most = 4000
	t.Errorf("the operator was stopped, and something of it goes on: %.*s", most, err)
}
