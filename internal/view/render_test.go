package view

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

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
				t.Fatalf("%s: render refuses nothing: have renderAll in internal/view/render.go, or renderSharing in render_sharing.go, say what the operator would, with refuse or block; "+
					"where files can't tell, or it is a note, add %s to the exceptions in internal/view/render_test.go", file, name)
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
