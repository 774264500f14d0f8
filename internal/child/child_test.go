package child

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/govplatform/govplatform/internal/names"
)

// TestEveryGoldenObjectHasARow reads all golden files and demands a row for each
// object in them, with its owner among the row's, and an object for each row.
// Seen failing with a row taken out and with an owner taken out.
func TestEveryGoldenObjectHasARow(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../kinds/*/testdata/golden/*/want.yaml", "../kinds/*/testdata/golden/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no golden files in %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	seen := map[schema.GroupKind]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
		for {
			var o metav1.PartialObjectMetadata
			if err := d.Decode(&o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if o.Kind == "" {
				continue // What was found, besides the objects.
			}
			row, err := Of(o.GroupVersionKind().GroupKind())
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			seen[row.GVK.GroupKind()] = true
			if row.GVK != o.GroupVersionKind() {
				t.Errorf("%s: %s is written at %s, the row says %s", file, o.Name, o.GroupVersionKind(), row.GVK)
			}
			if owner := o.Labels[names.LabelOwnerKind]; !slices.Contains(row.Owners, owner) {
				t.Errorf("%s: %s emits %s, and the row does not say so", file, owner, o.Kind)
			}
		}
	}
	for _, r := range rows {
		if !seen[r.GVK.GroupKind()] {
			t.Errorf("no golden file has a %s: build it in the room of %s, and run make golden", r.GVK.Kind, strings.Join(r.Owners, " or "))
		}
	}
}

// TestRows holds the table against itself and against the scheme.
func TestRows(t *testing.T) {
	for i, r := range rows {
		kinds := func(o runtime.Object) schema.GroupVersionKind {
			gvks, _, err := scheme.Scheme.ObjectKinds(o)
			if err != nil || len(gvks) != 1 {
				t.Fatalf("%T: %v %v", o, gvks, err)
			}
			return gvks[0]
		}
		if got := kinds(r.New()); got != r.GVK {
			t.Errorf("%s: New makes a %s", r.GVK, got)
		}
		if got := kinds(r.NewList()); got != r.GVK.GroupVersion().WithKind(r.GVK.Kind+"List") {
			t.Errorf("%s: NewList makes a %s", r.GVK, got)
		}
		if r.Removal != i {
			t.Errorf("%s: removal rank %d at place %d", r.GVK.Kind, r.Removal, i)
		}
		if len(r.Owners) == 0 {
			t.Errorf("%s has no owner", r.GVK.Kind)
		}
		if row, ok := For(r.New()); !ok || row.GVK != r.GVK {
			t.Errorf("%s: the row of its object is %s", r.GVK.Kind, row.GVK)
		}
		if r.Merge == nil {
			t.Errorf("%s: nothing says what is taken over from what is there", r.GVK.Kind)
		} else if err := r.Merge(r.New(), r.New()); err != nil {
			t.Errorf("%s: %v", r.GVK.Kind, err)
		} else if r.Merge(&corev1.Secret{}, r.New()) == nil || r.Merge(r.New(), &corev1.Secret{}) == nil {
			t.Errorf("%s merges what is of another type", r.GVK.Kind)
		}
	}
	rank := func(kind string) int { return slices.IndexFunc(rows, func(r Row) bool { return r.GVK.Kind == kind }) }
	for _, pair := range [][2]string{{"HorizontalPodAutoscaler", "Deployment"}, {"Deployment", "NetworkPolicy"}, {"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"}, {"NetworkPolicy", "Namespace"}} {
		if rank(pair[0]) > rank(pair[1]) {
			t.Errorf("%s goes after %s", pair[0], pair[1])
		}
	}
	stage := func(o Object) Stage { row, _ := For(o); return row.StageOf(o) }
	opening := &networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}}
	for _, pair := range [][2]Object{{&corev1.Namespace{}, &networkingv1.NetworkPolicy{}}, {&networkingv1.NetworkPolicy{}, opening}, {opening, &corev1.Service{}}, {&corev1.Service{}, &appsv1.Deployment{}}} {
		if stage(pair[0]) >= stage(pair[1]) {
			t.Errorf("a %T is not written before a %T", pair[0], pair[1])
		}
	}
	if _, err := Of(schema.GroupKind{Kind: "Secret"}); err == nil || !strings.Contains(err.Error(), "Secret") {
		t.Errorf("a kind that nobody emits has a row: %v", err)
	}
	if _, ok := For(&corev1.Secret{}); ok {
		t.Error("an object that nobody emits has a row")
	}
	if Opens(&corev1.Namespace{}) || reflect.TypeOf(rows[0].New()) == reflect.TypeOf(rows[1].New()) {
		t.Error("kinds are mixed up")
	}
}
