// Package process tests the operator as a process: how it starts and ends, what
// it says of itself, that only the replica with the lease writes, and that the
// clock and unreadable objects are noticed. It has a control plane of its own,
// because it changes the definitions of the kinds.
package process

import (
	"testing"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 1})
}
