package harness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Kubeconfig writes a kubeconfig of system:masters, and returns its path.
func (e *Env) Kubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := e.ControlPlane.WriteKubeconfig(path, e.ControlPlane.AdminConfig()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Kubectl runs the real kubectl in the repository as system:masters, and returns
// what it printed.
func (e *Env) Kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append([]string{"--kubeconfig", e.Kubeconfig(t)}, args...)...) //nolint:gosec // the tests' own arguments
	command.Dir = Root()
	out, err := command.CombinedOutput()
	return string(out), err
}
