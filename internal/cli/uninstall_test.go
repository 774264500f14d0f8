package cli

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestUninstallKeepsData: an uninstallation keeps the data, whether or not it is
// told to, and nobody gets it to remove them. Fails without the flag, and when
// --keep-data=false is taken for an ordinary uninstallation.
func TestUninstallKeepsData(t *testing.T) {
	run := func(args ...string) error {
		streams, _, _, _ := genericiooptions.NewTestIOStreams()
		command := NewCommand(streams)
		command.SetArgs(append([]string{"uninstall", "--yes", "--kubeconfig", "absent.yaml"}, args...))
		return command.Execute()
	}
	if err := run("--keep-data=false"); err == nil || !strings.Contains(err.Error(), "removes no data") {
		t.Errorf("--keep-data=false: %v", err)
	}
	// It comes as far as looking for the cluster.
	if err := run("--keep-data"); err == nil || strings.Contains(err.Error(), "keep-data") || strings.Contains(err.Error(), "removes no data") {
		t.Errorf("--keep-data: %v", err)
	}
}
