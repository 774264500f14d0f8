package fault

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var (
	// points says at which writes the operator is killed: all of them, or some that a seed chooses.
	points = flag.Int("points", 2, "how many kill points to try for each scenario; 0 for all")
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

// start returns a control plane of the test's own, so that no test sees what another left.
func start(t *testing.T) *harness.Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	env, err := harness.Start(ctx, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.ControlPlane.Stop() })
	return env
}
