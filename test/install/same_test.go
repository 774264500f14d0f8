package install

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestKustomizeAndHelmInstallTheSame compares both object by object. Whatever may differ is named in normalise.
func TestKustomizeAndHelmInstallTheSame(t *testing.T) {
	want, got := map[string]*unstructured.Unstructured{}, map[string]*unstructured.Unstructured{}
	for _, object := range everything(t) {
		// A chart can't own the namespace that it is installed into; its README says how to make and label it.
		if object.GetKind() != "Namespace" {
			want[id(object)] = object
		}
	}
	for _, object := range helm(t, namespace) {
		got[id(object)] = object
		if want[id(object)] == nil {
			t.Errorf("%s: only the chart has it", id(object))
		}
	}
	for name, object := range want {
		if got[name] == nil {
			t.Errorf("%s: only config has it", name)
			continue
		}
		normalise(t, object, "kustomize")
		normalise(t, got[name], "Helm")
		if diff := cmp.Diff(object.Object, got[name].Object); diff != "" {
			t.Errorf("%s: config/default (-) and the chart (+) differ; run \"make chart\" or mend the chart's template:\n%s", name, diff)
		}
	}
}

// normalise removes what only one of the two can have.
func normalise(t *testing.T, object *unstructured.Unstructured, tool string) {
	t.Helper()
	labels := object.GetLabels()
	// What is in config/crd has no labels of an installation, because it outlives the operator's; Helm keeps it too.
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "helm.sh/resource-policy")
	if len(object.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations")
	}
	if api := object.GetKind() == "CustomResourceDefinition" || object.GetName() == "govplatform-definitions"; api && len(labels) > 0 {
		t.Errorf("%s: has labels of an installation: %v", id(object), labels)
	} else if !api && labels["app.kubernetes.io/managed-by"] != tool {
		t.Errorf("%s: label app.kubernetes.io/managed-by is %q, want %q", id(object), labels["app.kubernetes.io/managed-by"], tool)
	}
	delete(labels, "app.kubernetes.io/managed-by")
	delete(labels, "helm.sh/chart")
	object.SetLabels(labels)
	if len(labels) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "labels")
	}
	// The chart starts new pods when its values change the settings.
	unstructured.RemoveNestedField(object.Object, "spec", "template", "metadata", "annotations", "checksum/config")
}

// TestChartFollowsItsNamespace checks that the operator keeps its identity in another namespace: policies that name
// another ServiceAccount would lock it out.
func TestChartFollowsItsNamespace(t *testing.T) {
	for _, object := range helm(t, "elsewhere") {
		rendered, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if contains(rendered, namespace) {
			t.Errorf("%s names %s although it is installed into another namespace", id(object), namespace)
		}
	}
}

// TestChartValues renders and lints each combination of values in the chart's ci folder.
func TestChartValues(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "charts/govplatform/ci/*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			path, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			run(t, "go", "tool", "-modfile=hack/tools/helm/go.mod", "helm", "lint", "--strict", "charts/govplatform", "--values", path)
			if len(ofKind(helm(t, namespace, "--values", path), "Deployment")) != 1 {
				t.Error("the chart renders no Deployment")
			}
		})
	}
}
