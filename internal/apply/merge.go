package apply

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// merge returns the live object as it should be, and whether it is so already.
// Everything that we write is compared to the letter. Most are so already, so it is
// copied only when it is not; until then it shares its parts with both.
func merge(row child.Row, want, live object.Object) (merged object.Object, equal bool, err error) {
	shallow := reflect.New(reflect.TypeOf(live).Elem())
	shallow.Elem().Set(reflect.ValueOf(live).Elem())
	merged = shallow.Interface().(object.Object)
	mergeMeta(want, merged)
	if err := row.Merge(want, merged); err != nil {
		return nil, false, err
	}
	if same(merged, live) {
		return merged, true, nil
	}
	return merged.DeepCopyObject().(object.Object), false, nil
}

// same reports whether two objects of a type say the same. Nearly all do in the same
// words too: their encoding is quicker to compare than they are, and lacks nothing.
// What is encoded otherwise may mean the same. The encoding of what a cache holds was
// noted before others had it (share.Settle), so it changes nothing now.
func same(a, b object.Object) bool {
	x, ok1 := a.(encoder)
	y, ok2 := b.(encoder)
	if ok1 && ok2 {
		xs, err1 := x.Marshal()
		ys, err2 := y.Marshal()
		if err1 == nil && err2 == nil && bytes.Equal(xs, ys) {
			return true
		}
	}
	return equality.Semantic.DeepEqual(a, b)
}

// encoder is a type that encodes itself in the form in which the API server stores it:
// all of it but the kind, and maps in the order of their keys.
type encoder interface{ Marshal() ([]byte, error) }

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
			merged.SetFinalizers(append(slices.Clip(merged.GetFinalizers()), f))
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
