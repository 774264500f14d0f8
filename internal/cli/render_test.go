package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// runCommand runs the plugin as a shell would.
func runCommand(stdin string, args ...string) (stdout, stderr string, err error) {
	streams, in, out, errOut := genericiooptions.NewTestIOStreams()
	in.WriteString(stdin)
	command := NewCommand(streams)
	command.SetArgs(args)
	err = command.ExecuteContext(context.Background())
	return out.String(), errOut.String(), err
}

func TestRenderGolden(t *testing.T) {
	tests := []struct {
		name    string
		refused bool
	}{
		{name: "portal-alone"},
		{name: "agency"},
		{name: "violation", refused: true},
		{name: "refused-by-schema", refused: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join("testdata", "render", test.name)
			stdout, stderr, err := runCommand("", "render", "-f", dir)
			if errors.Is(err, errRefused) != test.refused || (err != nil && !test.refused) {
				t.Errorf("error is %v, expected a refusal: %t", err, test.refused)
			}
			assertGolden(t, filepath.Join("testdata", "render", test.name+".stdout.golden"), stdout)
			assertGolden(t, filepath.Join("testdata", "render", test.name+".stderr.golden"), stderr)
		})
	}
}

func TestRenderJSONIsOneList(t *testing.T) {
	stdout, _, err := runCommand("", "render", "-f", "testdata/render/agency", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout, `"kind": "List"`) || strings.Contains(stdout, "---") {
		t.Errorf("not one list:\n%s", stdout)
	}
}

func TestBadInputIsExplained(t *testing.T) {
	settingsFile := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settingsFile, []byte("clusterDNS: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const agency = "apiVersion: platform.gov.vn/v1alpha1\nkind: Agency\nmetadata: {name: finance}\n"
	tests := []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"no such file", "", []string{"-f", "nowhere.yaml"}, "nowhere.yaml does not exist"},
		{"address", "", []string{"-f", "https://example.gov.vn/portal.yaml"}, "works offline"},
		{"empty folder", "", []string{"-f", t.TempDir()}, "holds no .yaml"},
		{"broken YAML", "\n\nkind: [", []string{"-f", "-"}, "-:3: not valid YAML"},
		{"key twice", agency + "kind: Agency\n", []string{"-f", "-"}, "already set in map"},
		{"not an object", "- a\n- b\n", []string{"-f", "-"}, "not an object"},
		{"no kind", "metadata: {name: x}\n", []string{"-f", "-"}, "apiVersion or kind is missing"},
		{"nothing of ours", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n", []string{"-f", "-"}, "no object of platform.gov.vn"},
		{"stated twice", agency + "---\n" + agency, []string{"-f", "-"}, "-:5: Agency finance is stated already in -:1"},
		{"output", "", []string{"-f", "-", "-o", "xml"}, "-o xml is not known"},
		{"settings", "", []string{"-f", "-", "--settings", settingsFile}, "authorityAgency"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := runCommand(test.stdin, append([]string{"render"}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, expected %q in it", err, test.want)
			}
		})
	}
}

// TestClaimedStatusIsIgnored: a file can't claim to be ready or compliant.
func TestClaimedStatusIsIgnored(t *testing.T) {
	const portal = `apiVersion: platform.gov.vn/v1alpha1
kind: AgencyPortal
metadata: {name: p, namespace: agency-health}
spec: {displayName: P, image: "evil.example/a:1"}
status: {lastCompliant: {displayName: P, image: "registry.platform.example.gov.vn/a:1"}}
---
apiVersion: platform.gov.vn/v1alpha1
kind: SecurityPolicy
metadata: {name: all}
spec: {images: {allowedRegistries: [registry.platform.example.gov.vn]}}
`
	stdout, _, err := runCommand(portal, "render", "-f", "-")
	if !errors.Is(err, errRefused) || strings.Contains(stdout, "kind: Deployment") {
		t.Errorf("error %v, output:\n%s", err, stdout)
	}
}
