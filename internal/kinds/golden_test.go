package kinds_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/config/crd"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// world is the content of an input.yaml. Its first object is built; the others
// surround it and are older. The namespace of an agency is guarded when the
// agency's status names it.
type world struct {
	subject  object.Object
	agencies []*v1alpha1.Agency
	portals  []*v1alpha1.AgencyPortal
	policies []v1alpha1.SecurityPolicy
}

// outcome is what a builder found, besides the objects.
type outcome struct {
	Level    v1alpha1.SecurityLevel   `json:"level,omitempty"`
	Criteria []string                 `json:"criteria,omitempty"`
	Policies []string                 `json:"policies,omitempty"`
	Findings []v1alpha1.PolicyFinding `json:"findings,omitempty"`
	Blockers []object.Blocker         `json:"blockers,omitempty"`
	Exposure []object.Blocker         `json:"exposure,omitempty"`
	Runs     string                   `json:"runs,omitempty"`
	Parent   *object.Blocker          `json:"parent,omitempty"`
	Code     *object.Blocker          `json:"code,omitempty"`
	objects  []object.Object
}

// TestGolden builds <kind>/testdata/golden/<case>/input.yaml and compares with want.yaml.
func TestGolden(t *testing.T) {
	eachCase(t, func(t *testing.T, dir string, w world) {
		got := marshal(t, w.build())
		path := filepath.Join(dir, "want.yaml")
		if *kindtest.Update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got); go test ./internal/kinds -update writes it anew:\n%s", path, diff)
		}
	})
}

func eachCase(t *testing.T, run func(t *testing.T, dir string, w world)) {
	t.Helper()
	inputs, err := filepath.Glob("*/testdata/golden/*/input.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range inputs {
		dir := filepath.Dir(path)
		t.Run(strings.ReplaceAll(dir, "/testdata/golden", ""), func(t *testing.T) { run(t, dir, load(t, path)) })
	}
}

func (w world) build() outcome {
	switch o := w.subject.(type) {
	case *v1alpha1.Agency:
		return agencyOutcome(agency.Decide(w.agencyInput(o)))
	case *v1alpha1.AgencyPortal:
		return portalOutcome(o, portal.Decide(w.portalInput(o)))
	default:
		out := securitypolicy.Decide(securitypolicy.Input{Policy: o.(*v1alpha1.SecurityPolicy)})
		return outcome{objects: out.Objects}
	}
}

func (w world) agencyInput(a *v1alpha1.Agency) agency.Input {
	in := agency.Input{Settings: settings.Default(), Agency: a, Counts: true, Administered: true}
	for _, other := range w.agencies {
		if ref := a.Spec.ParentRef; ref != nil && string(ref.Name) == other.Name {
			in.Parent = other
		}
		if other.Spec.Code == a.Spec.Code {
			in.CodeHolder = other.Name
		}
	}
	return in
}

func (w world) portalInput(p *v1alpha1.AgencyPortal) portal.Input {
	in := portal.Input{Settings: settings.Default(), Portal: p, Policies: w.policies, HostnameHolders: map[v1alpha1.DNSName]string{}}
	for _, a := range w.agencies {
		if names.Namespace(a.Name) == p.Namespace {
			in.Agency, in.NamespaceGuarded = a, a.Status.Namespace == p.Namespace
		}
	}
	for _, other := range w.portals {
		in.OlderSiblings++
		for _, h := range other.Spec.Hostnames {
			in.HostnameHolders[h] = other.Namespace + "/" + other.Name
		}
		if slices.Contains(other.Spec.Components, v1alpha1.ComponentOneStop) {
			in.OneStopHolder = other.Name
		}
	}
	return in
}

func agencyOutcome(out agency.Output) outcome {
	return outcome{Parent: out.Parent, Code: out.Code, objects: out.Objects}
}

func portalOutcome(p *v1alpha1.AgencyPortal, out portal.Output) outcome {
	o := outcome{Level: out.Level, Criteria: out.Criteria, Policies: out.Policies, Findings: out.Findings,
		Blockers: out.Blockers, Exposure: out.Exposure, objects: out.Objects}
	switch {
	case out.Hold:
		o.Runs = "what ran before"
	case out.Running == nil:
		o.Runs = "nothing"
	case out.Running == &p.Spec:
		o.Runs = "the spec"
	default:
		o.Runs = "the last compliant spec"
	}
	return o
}

// marshal writes the outcome, then the objects by kind and name.
func marshal(t *testing.T, o outcome) []byte {
	t.Helper()
	objects := slices.SortedFunc(slices.Values(o.objects), func(a, b object.Object) int {
		return cmp.Or(strings.Compare(a.GetObjectKind().GroupVersionKind().Kind, b.GetObjectKind().GroupVersionKind().Kind), strings.Compare(a.GetName(), b.GetName()))
	})
	var buf bytes.Buffer
	write := func(v any) {
		data, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		buf.Write(data)
	}
	write(map[string]any{"outcome": o})
	for _, o := range objects {
		u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			t.Fatal(err)
		}
		delete(u, "status")
		buf.WriteString("---\n")
		write(u)
	}
	return buf.Bytes()
}

// load reads an input with the defaults of the shipped CRDs, as the API server
// would hand it over.
func load(t *testing.T, path string) world {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var w world
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return w
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		o := typed(t, u)
		if w.subject == nil {
			w.subject = o
			continue
		}
		switch o := o.(type) {
		case *v1alpha1.Agency:
			w.agencies = append(w.agencies, o)
		case *v1alpha1.AgencyPortal:
			w.portals = append(w.portals, o)
		case *v1alpha1.SecurityPolicy:
			w.policies = append(w.policies, *o)
		default:
			t.Fatalf("no case has a %T", o)
		}
	}
}

func typed(t *testing.T, u *unstructured.Unstructured) object.Object {
	t.Helper()
	row, err := kinds.Of(u.GetKind())
	if err != nil {
		t.Fatal(err)
	}
	o := row.New()
	defaulting.Default(u.Object, schemaOf(t, u.GetKind()))
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, o, true); err != nil {
		t.Fatal(err)
	}
	o.SetUID(types.UID("uid-" + strings.ToLower(u.GetKind()) + "-" + u.GetName()))
	return o
}

func schemaOf(t *testing.T, kind string) *structuralschema.Structural {
	t.Helper()
	entries, err := crd.Bases.ReadDir("bases")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := crd.Bases.ReadFile("bases/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(data, &definition); err != nil {
			t.Fatal(err)
		}
		if definition.Spec.Names.Kind != kind {
			continue
		}
		var internal apiextensions.CustomResourceValidation
		if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(definition.Spec.Versions[0].Schema, &internal, nil); err != nil {
			t.Fatal(err)
		}
		s, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatalf("no CRD of kind %s", kind)
	return nil
}
