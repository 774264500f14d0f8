package apply

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/share"
)

// TestMergeSeesInTheCacheWhatIsThere: whatever one thing of an emitted object is
// changed, what the caches hold of it is found equal to what is wanted exactly when
// the object itself is, and what is written then is the same. All of them go through
// one pool, so that they share what is equal.
// Fails when share.Pool takes parts of one type for equal, or drops a field.
func TestMergeSeesInTheCacheWhatIsThere(t *testing.T) {
	pool, seen := share.NewPool(), map[reflect.Type]int{}
	for _, want := range kindtest.Emitted(t, "../kinds/*/testdata/golden") {
		if seen[reflect.TypeOf(want)]++; seen[reflect.TypeOf(want)] > 2 {
			continue
		}
		row, ok := child.For(want)
		if !ok {
			t.Fatalf("%T has no row", want)
		}
		equals, differs := 0, 0
		kindtest.Mutants(stored(want), func(path string, live object.Object) {
			cached := live.DeepCopyObject().(object.Object)
			pool.Object(cached)
			merged, equal, err := merge(row, want, live)
			fromCache, equalInCache, errInCache := merge(row, want, cached)
			if equal != equalInCache || (err == nil) != (errInCache == nil) || !equality.Semantic.DeepEqual(merged, fromCache) {
				t.Errorf("%s%s: equal %v (%v), as the caches hold it %v (%v)", row.GVK.Kind, path, equal, err, equalInCache, errInCache)
			}
			if equal {
				equals++
			} else {
				differs++
			}
		})
		if equals == 0 || differs == 0 {
			t.Errorf("%s %s: of its mutants %d equal what is wanted, and %d do not", row.GVK.Kind, want.GetName(), equals, differs)
		}
	}
	for _, row := range child.Rows() {
		if seen[reflect.TypeOf(row.New())] == 0 {
			t.Errorf("no golden file has a %s", row.GVK.Kind)
		}
	}
}

// stored is an object as the API server gives it back.
func stored(want object.Object) object.Object {
	o := want.DeepCopyObject().(object.Object)
	o.SetUID("uid-1")
	o.SetResourceVersion("7")
	o.SetGeneration(1)
	o.SetCreationTimestamp(metav1.NewTime(time.Unix(1, 0)))
	return o
}
