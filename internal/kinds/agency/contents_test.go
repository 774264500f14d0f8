package agency

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// two answers each list of the platform's kinds with two objects.
type two struct{ client.Reader }

func (two) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	d, ok := kinds.For(into)
	if !ok {
		return nil
	}
	return meta.SetList(into, []runtime.Object{d.New(), d.New()})
}

// TestContentsAreCountedAndNamed: each field of what an agency has is counted in its
// status, and named where its deletion is refused for it.
// Fails without the links in contents, and without the data services in has.
func TestContentsAreCountedAndNamed(t *testing.T) {
	counted, err := contents(t.Context(), two{}, &v1alpha1.Agency{}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	typ := reflect.TypeOf(counted)
	for i := range typ.NumField() {
		field := typ.Field(i).Name
		if n := reflect.ValueOf(counted).Field(i).Int(); n != 2 {
			t.Errorf("internal/kinds/agency/gather.go: %d of two are counted in %s: add a line to contents", n, field)
		}
		var one v1alpha1.AgencyContents
		reflect.ValueOf(&one).Elem().Field(i).SetInt(1)
		if said := has(one); !strings.HasSuffix(said, " (1)") {
			t.Errorf("internal/kinds/agency/departure.go: has does not name %s: %q", field, said)
		}
	}
}
