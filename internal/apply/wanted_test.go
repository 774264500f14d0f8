package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// TestWanted: a child is asked to be otherwise when what it should be has changed since its
// owner's last round; in the first one, and for another owner, nothing is known.
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
		want    wanted
	}{
		{"nothing is known yet", owner, service(80), unknown},
		{"as before", owner, service(80), asBefore},
		{"another one is new", other, service(8080), unknown},
		{"another port", owner, service(8080), otherwise},
		{"as before", owner, service(8080), asBefore},
		{"nothing any more", owner, nil, unknown},
		{"again", owner, service(8080), otherwise},
	} {
		r := a.begin(t.Context(), c.owner, nil, c.objects)
		r.compareWanted()
		if got := r.asked[key(service(80)[0])]; got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, got, c.want)
		}
	}
}
