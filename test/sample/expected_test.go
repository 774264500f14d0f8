package sample

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
)

// TestEveryObjectOfTheSampleIsExpected keeps expected.yaml complete: an object
// without an expectation would never be looked at.
func TestEveryObjectOfTheSampleIsExpected(t *testing.T) {
	dir := filepath.Join("..", "..", "config", "samples", "national")
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, o := range s.Objects {
		have = append(have, ID(o))
	}
	for _, e := range s.Expected {
		want = append(want, e.ID())
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("config/samples/national/expected.yaml and the sample differ; say there what becomes of each object, and of no other (-expected +sample):\n%s", diff)
	}
}

// nothing has no object.
type nothing struct{ client.Reader }

func (nothing) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	d, _ := kinds.For(o)
	return apierrors.NewNotFound(schema.GroupResource{Resource: d.Plural}, key.Name)
}

// TestUnknownKindsOfTheSample: what is expected, or applied, of a kind that the
// platform does not have is an error that names where it stands, and what is expected
// of every kind of the platform is looked at as that kind.
// Fails with the switch that took every other kind for a portal, and without known.
func TestUnknownKindsOfTheSample(t *testing.T) {
	for _, d := range kinds.All() {
		if why, err := (Expectation{Kind: d.Kind, Name: "x"}).Difference(t.Context(), nothing{}); err != nil || why != "does not exist" {
			t.Errorf("%s: %q, %v", d.Kind, why, err)
		}
	}
	if why, err := (Expectation{Kind: "Portal", Name: "x"}).Difference(t.Context(), nothing{}); err == nil {
		t.Errorf("a Portal %s", why)
	}
	object := func(version, kind string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "x"}}}
	}
	for want, s := range map[string]Sample{
		`dir: Portal x: kind: is "Portal"; use one of Agency, AgencyPortal, `:           {Objects: []*unstructured.Unstructured{object("platform.gov.vn/v1alpha1", "Portal")}},
		`dir/expected.yaml: objects[1]: kind: is ""; use one of Agency, AgencyPortal, `: {Expected: []Expectation{{Kind: "Agency"}, {}}},
	} {
		if err := s.known("dir"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (Sample{Objects: []*unstructured.Unstructured{object("v1", "Secret")}}).known("dir"); err != nil {
		t.Error(err)
	}
}
