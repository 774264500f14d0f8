package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryObjectOfTheSampleIsExpected keeps expected.yaml complete: an object
// without an expectation would never be looked at.
func TestEveryObjectOfTheSampleIsExpected(t *testing.T) {
	dir := filepath.Join("..", "..", "config", "samples", "national")
	objects, err := render(dir)
	if err != nil {
		t.Fatal(err)
	}
	expected, _, err := readExpected(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, o := range objects {
		have = append(have, idOf(o))
	}
	for _, e := range expected {
		want = append(want, e.id())
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("expected.yaml and the sample differ (-expected +sample):\n%s", diff)
	}
}

func TestInstallationLeavesOutTheDeployment(t *testing.T) {
	in, err := readInstallation(filepath.Join("..", "..", "config", "default"), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.early) < 4 || in.settings == "" {
		t.Errorf("%d early objects, %d bytes of settings", len(in.early), len(in.settings))
	}
	for _, o := range in.rest {
		if o.GetKind() == "Deployment" {
			t.Error("the operator's Deployment would be applied although its image can't be pulled")
		}
	}
}

func TestNodeIsChecked(t *testing.T) {
	for _, node := range []string{"real", "moon"} {
		if err := (options{node: node}).validate(); err == nil {
			t.Errorf("--node=%s was accepted", node)
		}
	}
}
