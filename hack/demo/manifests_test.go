package main

import (
	"path/filepath"
	"testing"
)

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
