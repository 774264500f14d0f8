package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// TestWanted: what an owner should have is other than before when one of its objects is,
// and not in the first round of which anything is known, nor for another owner.
// Fails when compareWanted compares nothing, or with what any owner had.
func TestWanted(t *testing.T) {
	for _, row := range child.Rows() {
		if _, ok := row.New().(encoder); !ok {
			t.Errorf("%s has no encoding, and a change of it goes unseen", row.GVK.Kind)
		}
	}
	a := &Applier{Wanted: NewWanted()}
	service := func(port int32) []object.Object {
		s := &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "web"}}
		s.Spec.Ports = []corev1.ServicePort{{Port: port}}
		return []object.Object{s}
	}
	other := owner
	other.UID = "another"
	for _, c := range []struct {
		what    string
		owner   names.Owner
		objects []object.Object
		asked   bool
	}{
		{"nothing is known yet", owner, service(80), false},
		{"as before", owner, service(80), false},
		{"another one is new", other, service(8080), false},
		{"another port", owner, service(8080), true},
		{"as before", owner, service(8080), false},
		{"nothing any more", owner, nil, true},
	} {
		ctx, done := Recording(t.Context())
		a.begin(ctx, c.owner, nil, c.objects).compareWanted(ctx)
		if done.Asked() != c.asked {
			t.Errorf("%s: asked for is %t", c.what, done.Asked())
		}
	}
}
