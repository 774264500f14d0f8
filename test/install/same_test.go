package install

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
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

// TestChartTakesEverySetting: whatever the operator reads can be set by the value config. The schema of the values refused
// authorityAgency and identifierPrefix, which the README has people set, so every authority was mic.
func TestChartTakesEverySetting(t *testing.T) {
	s := settings.Default()
	s.AuthorityAgency, s.IdentifierPrefix, s.ClusterRanges = "moh", "VN/OTHER", []string{"10.1.0.0/16"}
	s.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 1, Links: 2}
	var value map[string]any
	data, err := yaml.Marshal(s)
	if err == nil {
		err = yaml.Unmarshal(data, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := reflect.TypeFor[settings.Settings]().NumField(); len(value) != n {
		t.Fatalf("%d of %d settings are tried: give each a value here", len(value), n)
	}
	if data, err = yaml.Marshal(map[string]any{"config": value}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	maps := ofKind(helm(t, namespace, "--values", file), "ConfigMap")
	if len(maps) != 1 {
		t.Fatalf("the chart has %d ConfigMaps, want that of the settings", len(maps))
	}
	text, _, _ := unstructured.NestedString(maps[0].Object, "data", "config.yaml")
	got, err := settings.Parse([]byte(text))
	if err != nil || !got.Same(s) || got.AcceptedImpact == nil || *got.AcceptedImpact != *s.AcceptedImpact {
		t.Errorf("the chart writes %s (%v)", text, err)
	}
}

// TestMonitoringIsTheSame compares what kustomize and the chart have for Prometheus and Grafana, which neither installs
// unless it is asked to.
// Fails with a changed threshold or panel in config/prometheus without "make chart".
func TestMonitoringIsTheSame(t *testing.T) {
	const on = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true"
	chart := helm(t, namespace, "--set", on)
	base := kustomize(t, "config/prometheus")
	if len(base) != 3 {
		t.Fatalf("config/prometheus has %d objects, want ServiceMonitor, PrometheusRule and ConfigMap", len(base))
	}
	for _, want := range base {
		found := 0
		for _, got := range ofKind(chart, want.GetKind()) {
			if got.GetName() != "govplatform-"+want.GetName() {
				continue
			}
			found++
			for _, part := range []string{"spec", "data"} {
				if diff := cmp.Diff(want.Object[part], got.Object[part]); diff != "" {
					t.Errorf("%s: config/prometheus (-) and the chart (+) differ; run \"make chart\":\n%s", id(want), diff)
				}
			}
			if got.GetLabels()["grafana_dashboard"] != want.GetLabels()["grafana_dashboard"] {
				t.Errorf("%s: labels %v", id(got), got.GetLabels())
			}
		}
		if found != 1 {
			t.Errorf("the chart has %d of %s", found, id(want))
		}
	}
	for _, object := range helm(t, namespace) {
		if kind := object.GetKind(); kind == "PrometheusRule" || kind == "ServiceMonitor" || object.GetName() == "govplatform-dashboard" {
			t.Errorf("%s is installed unasked", id(object))
		}
	}
}
