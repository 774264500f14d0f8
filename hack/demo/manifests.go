package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/test/sample"
)

// installation is what config/crd and config/default install, in the order in which it is applied.
type installation struct {
	// early has what the rest rests on: namespaces and the definitions of kinds.
	early []*unstructured.Unstructured
	rest  []*unstructured.Unstructured
	// settings is the operator's configuration file.
	settings string
}

// readInstallation leaves out what needs the operator to be a pod where it runs
// as a process of this machine.
func readInstallation(dir string, asPods bool) (installation, error) {
	objects, err := sample.Render(filepath.Join(filepath.Dir(dir), "crd"))
	if err != nil {
		return installation{}, err
	}
	operator, err := sample.Render(dir)
	if err != nil {
		return installation{}, err
	}
	objects = append(objects, operator...)
	var in installation
	for _, o := range objects {
		switch kind := o.GetKind(); {
		case slices.Contains([]string{"Namespace", "CustomResourceDefinition"}, kind):
			in.early = append(in.early, o)
		case !asPods && slices.Contains([]string{"Deployment", "PodDisruptionBudget"}, kind):
			continue
		default:
			if kind == "ConfigMap" && o.GetName() == configMap {
				in.settings, _, _ = unstructured.NestedString(o.Object, "data", "config.yaml")
			}
			in.rest = append(in.rest, o)
		}
	}
	if in.settings == "" {
		return installation{}, fmt.Errorf("%s holds no ConfigMap %s with config.yaml", dir, configMap)
	}
	return in, nil
}
