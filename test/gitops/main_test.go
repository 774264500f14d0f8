// Package gitops delivers the platform's objects with Flux's own kustomize-controller on a real control plane, as the
// samples in config/samples/gitops lay it out. "make gitops" builds what it needs and runs it.
package gitops

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	if _, err := os.Stat(asset("kustomize-controller")); err != nil {
		fmt.Fprintln(os.Stderr, "test/gitops needs Flux's controller in bin/flux: run it with \"make gitops\"")
		os.Exit(1)
	}
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 3})
}

// asset is a file that hack/scripts/flux.sh makes.
func asset(elements ...string) string {
	return filepath.Join(append([]string{harness.Root(), "bin", "flux"}, elements...)...)
}
