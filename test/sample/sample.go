// Package sample applies the national sample as the people of the platform would, and compares what the operator makes
// of it with what the sample says: for the demo and for the tests on packets.
package sample

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// Sample is a folder with a kustomization, decisions.yaml and expected.yaml.
type Sample struct {
	Objects   []*unstructured.Unstructured
	Decisions []Decision
	// Expected is what must be reported about each object.
	Expected []Expectation
	// Open is everything that must be open between two portals, or from a portal to addresses.
	Open []Flow
}

// Read reads a sample.
func Read(dir string) (Sample, error) {
	var s Sample
	var decisions struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Decisions  []Decision `json:"decisions"`
	}
	var expected struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Objects    []Expectation `json:"objects"`
		Open       []Flow        `json:"open"`
	}
	objects, err := Render(dir)
	if err := errors.Join(err, readYAML(filepath.Join(dir, "decisions.yaml"), &decisions), readYAML(filepath.Join(dir, "expected.yaml"), &expected)); err != nil {
		return s, err
	}
	s = Sample{Objects: objects, Decisions: decisions.Decisions, Expected: expected.Objects, Open: expected.Open}
	if err := s.known(dir); err != nil {
		return Sample{}, err
	}
	return s, nil
}

// known returns an error for the first object, or what is expected of one, whose
// kind is none of the platform's: it would be taken for one of another kind.
func (s Sample) known(dir string) error {
	for _, o := range s.Objects {
		if o.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
			continue // Whoever adds to the sample may need a Namespace or a Secret.
		}
		if _, err := kinds.Of(o.GetKind()); err != nil {
			return fmt.Errorf("%s: %s: %w", dir, ID(o), err)
		}
	}
	for i, e := range s.Expected {
		if _, err := kinds.Of(e.Kind); err != nil {
			return fmt.Errorf("%s: objects[%d]: %w", filepath.Join(dir, "expected.yaml"), i, err)
		}
	}
	return nil
}

func readYAML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// Render returns the objects of a kustomization folder.
func Render(dir string) ([]*unstructured.Unstructured, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", dir, err)
	}
	var out []*unstructured.Unstructured
	for _, r := range resources.Resources() {
		fields, err := r.Map()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", dir, err)
		}
		data, err := json.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", dir, err)
		}
		u := &unstructured.Unstructured{}
		// This decoder keeps whole numbers whole, as the client needs them.
		if err := json.Unmarshal(data, &u.Object); err != nil {
			return nil, fmt.Errorf("render %s: %w", dir, err)
		}
		out = append(out, u)
	}
	return out, nil
}
