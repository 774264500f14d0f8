package kinds_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/govplatform/govplatform/internal/kinds/kindtest"
)

// TestInvariants holds what every golden case must hold, whatever it is about.
func TestInvariants(t *testing.T) {
	eachCase(t, func(t *testing.T, _ string, w world) {
		before := w.subject.DeepCopyObject()
		first := w.build()
		if diff := gocmp.Diff(string(marshal(t, first)), string(marshal(t, w.build()))); diff != "" {
			t.Errorf("built twice, the results differ:\n%s", diff)
		}
		if !equality.Semantic.DeepEqual(before, w.subject) {
			t.Errorf("the builder changed its input:\n%s", gocmp.Diff(before, w.subject))
		}
		kindtest.AssertSound(t, w.subject, first.objects)
	})
}
