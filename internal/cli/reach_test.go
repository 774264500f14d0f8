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
}

// TestReachAdvisesNoReferenceThatIsRefused: what carries links is reached by a
// link; a reference to it is refused. It fails without the question about its type.
func TestReachAdvisesNoReferenceThatIsRefused(t *testing.T) {
	const world = `{apiVersion: platform.gov.vn/v1alpha1, kind: AgencyPortal, metadata: {name: p, namespace: agency-a}, spec: {displayName: P, image: "r.example/p:1"}}
---
{apiVersion: platform.gov.vn/v1alpha1, kind: AgencyPortal, metadata: {name: p, namespace: agency-b}, spec: {displayName: P, image: "r.example/p:1"}}
---
{apiVersion: platform.gov.vn/v1alpha1, kind: SharedPlatform, metadata: {name: s}, spec: {displayName: S, type: TYPE, ownerRef: {name: b}, capability: C, endpoint: {portal: {agency: b, name: p}}}}
`
	for kind, advised := range map[string]bool{"DataSharing": false, "Identity": true} {
		said, errOut, _ := runCommand(strings.Replace(world, "TYPE", kind, 1), "reach", "-f", "-", "a/p", "b/p")
		if strings.Contains(said, "in spec.platformRefs") != advised || !strings.HasPrefix(said, "No: ") {
			t.Errorf("%s: advised %t\n%s%s", kind, !advised, said, errOut)
		}
	}
}
