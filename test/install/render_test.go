package install

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	root      = "../.."
	namespace = "govplatform-system"
	operator  = "system:serviceaccount:govplatform-system:govplatform-controller-manager"
)

// kustomize renders a folder of the repository.
func kustomize(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	// The order in which kubectl applies: namespaces and CRDs first.
	options.Reorder = krusty.ReorderOptionLegacy
	rendered, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(root, folder))
	if err != nil {
		t.Fatalf("render %s: %v", folder, err)
	}
	stream, err := rendered.AsYaml()
	if err != nil {
		t.Fatalf("render %s: %v", folder, err)
	}
	return parse(t, stream)
}

// everything renders what an installation with kustomize applies: the API first.
func everything(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	return append(kustomize(t, "config/crd"), kustomize(t, "config/default")...)
}

// helm renders the chart, CRDs included, as it is installed into the namespace.
func helm(t *testing.T, namespace string, args ...string) []*unstructured.Unstructured {
	t.Helper()
	command := []string{"tool", "-modfile=hack/tools/helm/go.mod", "helm", "template", "govplatform", "charts/govplatform", "--include-crds", "--namespace", namespace}
	return parse(t, run(t, "go", append(command, args...)...))
}

// run runs a program in the root of the repository and returns what it prints.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.Stdout, command.Stderr = root, &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// parse splits a stream of YAML documents into objects.
func parse(t *testing.T, stream []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("parse rendered YAML: %v", err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// ofKind returns the objects of the kinds.
func ofKind(objects []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, object := range objects {
		if slices.Contains(kinds, object.GetKind()) {
			found = append(found, object)
		}
	}
	return found
}

// id names an object in messages and compares it across renderers.
func id(object *unstructured.Unstructured) string {
	return object.GetAPIVersion() + " " + object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}
