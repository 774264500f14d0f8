package cli

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestReachAnswers: a way over the sharing platform is told first, and nobody is
// told to reference a platform that carries links, which is refused.
func TestReachAnswers(t *testing.T) {
	sample, err := filepath.Abs("../../config/samples/national")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	run := func(args ...string) string {
		t.Helper()
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		root := NewCommand(streams)
		root.SetArgs(append([]string{"reach", "-f", sample}, args...))
		PrintError(errOut, root.ExecuteContext(context.Background()))
		return out.String() + errOut.String()
	}
	over := run("--assume-approved", "finance/tax-filing", "public-security/population-db")
	if !strings.HasPrefix(over, "Not directly: over mic/ndxp (link agency-finance/residents-for-tax is Open).\nDirectly no: ") {
		t.Errorf("over the platform: %s", over)
	}
	if said := run("finance/tax-filing", "public-security/population-db"); !strings.HasPrefix(said, "No: ") {
		t.Errorf("nobody approved: %s", said)
	}
	if said := run("justice/legal-information", "mic/ndxp"); strings.Contains(said, "spec.platformRefs") {
		t.Errorf("a reference to what carries links: %s", said)
	}
}
