// Package integration tests the operator's promises on a real control plane:
// convergence, silence, repair, and what an API server decides.
package integration

import (
	"testing"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
}
