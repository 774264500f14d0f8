// Package waiting delivers the national sample by tools that wait for one group of kinds before they deliver the next,
// in every order. It takes minutes, so "make gitops" runs it.
package waiting

import (
	"testing"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
}
