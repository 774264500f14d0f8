package harness

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
)

// ChildLists returns an empty list of every kind that the operator writes.
func ChildLists() []client.ObjectList {
	var out []client.ObjectList
	for _, row := range child.Rows() {
		out = append(out, row.NewList())
	}
	return out
}

// Children returns everything that the operator wrote and that the filter takes.
func (e *Env) Children(ctx context.Context, take func(client.Object) bool) ([]client.Object, error) {
	var out []client.Object
	for _, list := range ChildLists() {
		if err := e.Admin.List(ctx, list, client.MatchingLabels{names.LabelManagedBy: names.ManagedBy}); err != nil {
			return nil, err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if o, ok := i.(client.Object); ok && take(o) {
				gvk, err := apiutil.GVKForObject(o, e.Admin.Scheme())
				if err != nil {
					return nil, err
				}
				o.GetObjectKind().SetGroupVersionKind(gvk)
				out = append(out, o)
			}
		}
	}
	return out, nil
}

// InAgency takes the children of an agency and of its portals.
func InAgency(agency string) func(client.Object) bool {
	return func(o client.Object) bool { return o.GetLabels()[names.LabelAgency] == agency }
}

// Snapshot returns the specs, owners and finalizers of the children and the status of
// the platform's objects as text, without what differs from run to run: UIDs, versions,
// times, allocated addresses.
func (e *Env) Snapshot(ctx context.Context, take func(client.Object) bool) (string, error) {
	children, err := e.Children(ctx, take)
	if err != nil {
		return "", err
	}
	var docs []string
	for _, o := range children {
		text, err := ChildText(o)
		if err != nil {
			return "", err
		}
		docs = append(docs, text)
	}
	for _, d := range kinds.All() {
		list := d.NewList()
		if err := e.Admin.List(ctx, list); err != nil {
			return "", err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return "", err
		}
		for _, i := range items {
			o, ok := i.(client.Object)
			if !ok || !take(o) && !take(labelled(o)) {
				continue
			}
			u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				return "", err
			}
			u["kind"] = fmt.Sprintf("%T", o)
			docs = append(docs, masked(u, "spec", "status"))
		}
	}
	slices.Sort(docs)
	return strings.Join(docs, "---\n"), nil
}

// ChildText returns what Snapshot has of one child: all that is written of it, so that
// no field of a kind that comes later is left out.
func ChildText(o client.Object) (string, error) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return "", err
	}
	written := slices.DeleteFunc(slices.Collect(maps.Keys(u)), func(field string) bool { return slices.Contains(unwritten, field) })
	return masked(u, written...), nil
}

// unwritten are the fields that no emitted kind is written in, or not all of.
var unwritten = []string{"apiVersion", "kind", "metadata", "status"}

// labelled gives an object of the platform the label that its children have.
func labelled(o client.Object) client.Object {
	u := &unstructured.Unstructured{}
	agency := o.GetName()
	if ns := o.GetNamespace(); ns != "" {
		agency, _ = names.AgencyOf(ns)
	}
	u.SetLabels(map[string]string{names.LabelAgency: agency})
	return u
}

func masked(u map[string]any, fields ...string) string {
	name, _, _ := unstructured.NestedString(u, "metadata", "name")
	namespace, _, _ := unstructured.NestedString(u, "metadata", "namespace")
	labels, _, _ := unstructured.NestedMap(u, "metadata", "labels")
	out := map[string]any{"kind": u["kind"], "name": name, "namespace": namespace, "labels": labels}
	for _, f := range []string{"ownerReferences", "finalizers"} {
		if v, found, _ := unstructured.NestedSlice(u, "metadata", f); found {
			out[f] = v
		}
	}
	if _, found, _ := unstructured.NestedString(u, "metadata", "deletionTimestamp"); found {
		out["terminating"] = true
	}
	for _, f := range fields {
		if v, ok := u[f]; ok {
			out[f] = v
		}
	}
	mask(out)
	data, err := yaml.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return hashes.ReplaceAllString(string(data), "${1}sha256:...")
}

// hashes of scopes rest on UIDs; the digest of an image does not.
var hashes = regexp.MustCompile(`(^|[^@])sha256:[0-9a-f]{64}`)

// varying are fields that differ between two runs with the same outcome.
var varying = []string{"uid", "linkUID", "portalUID", "usedAcceptance", names.LabelOwnerUID, "lastTransitionTime", "heldSince",
	"since", "recentStops", "observedGeneration", "clusterIP", "clusterIPs", "ipFamilies", "kubernetes.io/metadata.name"}

func mask(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, child := range x {
			if slices.Contains(varying, k) {
				delete(x, k)
				continue
			}
			mask(child)
		}
	case []any:
		for _, child := range x {
			mask(child)
		}
	}
}
