package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
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

// TestRenderNationalSample: the shipped sample is accepted offline as well, and
// exactly its two violators are refused. What lets the provider read a link is
// shown.
func TestRenderNationalSample(t *testing.T) {
	r, err := Render(context.Background(), nil, RenderInput{Paths: []string{"../../config/samples/national"}, Settings: settings.Default()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Refusals) != 2 || !strings.Contains(r.Refusals[0], "appointment-booking: PolicyViolation") || !strings.Contains(r.Refusals[1], "benefit-claims: PolicyViolation") {
		t.Errorf("refusals:\n%s", strings.Join(r.Refusals, "\n"))
	}
	for _, o := range r.Objects {
		if ns := o.GetNamespace(); o.GetKind() == "Deployment" && slices.Contains([]string{"agency-health/appointment-booking", "agency-social-insurance/benefit-claims"}, ns+"/"+o.GetName()) {
			t.Errorf("a violator got a Deployment in %s", ns)
		}
	}
	for _, kind := range []string{"Role", "RoleBinding"} {
		if !slices.ContainsFunc(r.Objects, func(o *unstructured.Unstructured) bool {
			return o.GetKind() == kind && o.GetNamespace() == "agency-finance" && o.GetName() == names.Link("agency-finance", "residents-for-tax")
		}) {
			t.Errorf("no %s for who reads the link residents-for-tax", kind)
		}
	}
}

// TestMistakesAreToldOffline: what a user gets wrong is told without a cluster,
// with file and line, in one sentence.
func TestMistakesAreToldOffline(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/errors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the samples: %d files, %v", len(files), err)
	}
	const national = "../../config/samples/national/"
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		switch name {
		case "agency-parent-missing", "link-service-missing":
			// Offline, what is not among the files may exist.
			continue
		case "link-expired":
			// It is a note: files outlive terms.
			continue
		case "platform-deleted-in-use", "platform-moved-in-use", "policy-deleted-in-use":
			// Files do not say what is in use.
			continue
		}
		t.Run(name, func(t *testing.T) {
			r, err := Render(context.Background(), nil, RenderInput{Settings: settings.Default(), Paths: []string{
				file, national + "policies.yaml", national + "agencies-central.yaml", national + "agencies-local.yaml", national + "platforms.yaml",
				national + "portals-central.yaml", national + "portals-national.yaml", national + "services.yaml"}})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Refusals) == 0 {
				t.Fatal("not refused")
			}
			for _, refusal := range r.Refusals {
				if strings.Contains(refusal, "\n") || strings.Contains(refusal, "<nil>") || strings.Contains(refusal, "{}") {
					t.Errorf("not a clean sentence: %s", refusal)
				}
			}
			if !strings.HasPrefix(r.Refusals[0], file+":") {
				t.Errorf("the file is not named: %s", r.Refusals[0])
			}
		})
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

func FuzzRender(f *testing.F) {
	files, _ := filepath.Glob("../../config/samples/*/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	schemas, err := loadSchemas()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, _, err := parse("f", data)
		if err != nil {
			return
		}
		for _, d := range docs {
			if s := schemas[d.object.GetKind()]; s != nil {
				s.admit(context.Background(), d.object)
			}
		}
	})
}
