// Package lifecycle takes the platform through its life on a real control plane: installed
// from what was released, upgraded, downgraded, with its kinds newer and older than the
// operator. Nothing may be lost on the way, and nothing may open.
package lifecycle

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

// capture makes a test write what the present operator leaves in the API server, for the
// upgrades of later versions; see TestCapture.
var capture = flag.String("capture", "", "folder to write the present manifests and objects to")

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	flag.Parse()
	os.Exit(m.Run())
}

// start returns a control plane with the platform as it is now.
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

// quiet is how long a converged operator is watched.
const quiet = 3 * time.Second

func write(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
