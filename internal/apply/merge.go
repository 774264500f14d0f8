package apply

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// merge returns the live object as it should be, and whether it is so already.
// Everything that we write is compared to the letter.
func merge(row child.Row, want, live object.Object) (merged object.Object, equal bool, err error) {
	merged = live.DeepCopyObject().(object.Object)
	mergeMeta(want, merged)
	if err := row.Merge(want, merged); err != nil {
		return nil, false, err
	}
	return merged, equality.Semantic.DeepEqual(merged, live), nil
}

// mergeMeta forces our labels, annotations, owner references and finalizers,
// removes keys of ours that are not wanted, and leaves other people's labels.
func mergeMeta(want, merged object.Object) {
	merged.SetLabels(mergeKeys(want.GetLabels(), merged.GetLabels()))
	merged.SetAnnotations(mergeKeys(want.GetAnnotations(), merged.GetAnnotations()))
	if !equality.Semantic.DeepEqual(want.GetOwnerReferences(), merged.GetOwnerReferences()) {
		merged.SetOwnerReferences(append([]metav1.OwnerReference(nil), want.GetOwnerReferences()...))
	}
	have := sets.New(merged.GetFinalizers()...)
	for _, f := range want.GetFinalizers() {
		if !have.Has(f) {
			merged.SetFinalizers(append(merged.GetFinalizers(), f))
		}
	}
}

func mergeKeys(want, live map[string]string) map[string]string {
	out := maps.Clone(live)
	maps.DeleteFunc(out, func(k, _ string) bool {
		_, wanted := want[k]
		return !wanted && ourKey(k)
	})
	if out == nil && len(want) > 0 {
		out = map[string]string{}
	}
	maps.Copy(out, want)
	return out
}

// ourKey reports whether a label or an annotation is the operator's alone.
func ourKey(key string) bool {
	return strings.HasPrefix(key, names.Domain) || strings.HasPrefix(key, "pod-security.kubernetes.io/")
}

// empty returns a zero object of the same type with its kind set.
func empty(o object.Object) (object.Object, error) {
	fresh, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(object.Object)
	if !ok {
		return nil, fmt.Errorf("%T is no object of the API", o)
	}
	fresh.GetObjectKind().SetGroupVersionKind(o.GetObjectKind().GroupVersionKind())
	return fresh, nil
}
