package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAssets runs hack/controlplane/assets.sh, with a build.sh that only says so, on
// folders that are whole, lack a program or its file, or have another version.
//
// Fails for a loop over the programs that leaves out kwok, without the question about
// kwok-stages.yaml, and for a comparison of versions that takes "1.3" for "1.36".
func TestAssets(t *testing.T) {
	repo := t.TempDir()
	scripts := filepath.Join(repo, "hack", "controlplane")
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil { //nolint:gosec // programs of the test
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("../controlplane/assets.sh")
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(scripts, "assets.sh"), string(script))
	write(filepath.Join(scripts, "build.sh"), "#!/bin/sh\necho COMPILED\n")
	write(filepath.Join(scripts, "go.mod"), "require (\n\tk8s.io/kubernetes v1.36.3\n)\n")
	built := filepath.Join(repo, "bin", "controlplane")
	given := filepath.Join(t.TempDir(), "assets")
	for _, c := range []struct {
		name, version, without string
		// takes is true where the folder is taken, else said is why it is not.
		takes bool
		said  string
	}{
		{name: "whole", version: "v1.36.3", takes: true},
		{name: "another patch", version: "v1.36.0", takes: true},
		{name: "another minor", version: "v1.35.3", said: "kube-apiserver is of version 1.35.3, and 1.36 is needed"},
		{name: "a minor that begins alike", version: "v1.3.6", said: "kube-apiserver is of version 1.3.6, and 1.36 is needed"},
		{name: "no version", version: "", said: "kube-apiserver is of version unknown, and 1.36 is needed"},
		{name: "no kwok", version: "v1.36.3", without: "kwok", said: "kwok is missing there"},
		{name: "no stages", version: "v1.36.3", without: "kwok-stages.yaml", said: "kwok-stages.yaml is missing there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok", "kwok-stages.yaml"} {
				write(filepath.Join(given, program), "#!/bin/sh\necho Kubernetes "+c.version+"\n")
			}
			if c.without != "" {
				if err := os.Remove(filepath.Join(given, c.without)); err != nil {
					t.Fatal(err)
				}
			}
			var said strings.Builder
			run := exec.CommandContext(t.Context(), "bash", filepath.Join(scripts, "assets.sh"), given) //nolint:gosec // the test's own files
			run.Stderr = &said
			out, err := run.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, said.String())
			}
			want := built
			if c.takes {
				want = given
			}
			if got := strings.TrimSpace(string(out)); got != want {
				t.Errorf("it takes %s, want %s", got, want)
			}
			if !strings.Contains(said.String(), c.said) || strings.Contains(said.String(), "COMPILED") == c.takes {
				t.Errorf("it says %q, want %q", said.String(), c.said)
			}
			if lines := strings.Count(strings.TrimSpace(strings.ReplaceAll(said.String(), "COMPILED", "")), "\n"); lines > 0 {
				t.Errorf("it says more than a line: %q", said.String())
			}
		})
	}
}
