package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/object"
)

// TestEchoes: only what an owner's round wrote, as it wrote it, is an echo, and once.
// Fails when Take forgets nothing, or does not look at the owner or the version.
func TestEchoes(t *testing.T) {
	child := func(version string) client.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{UID: "s", ResourceVersion: version}}
	}
	web, other := types.NamespacedName{Namespace: "a", Name: "web"}, types.NamespacedName{Namespace: "a", Name: "other"}
	e := NewEchoes("AgencyPortal")
	e.Add(t.Context(), "AgencyPortal", web, child("7"))
	e.Add(t.Context(), "DataSharingLink", other, child("8"))
	for _, c := range []struct {
		what  string
		owner types.NamespacedName
		shown client.Object
		echo  bool
	}{
		{"another version, somebody else's write", web, child("8"), false},
		{"another owner's event", other, child("7"), false},
		{"a deletion", web, nil, false},
		{"an owner of a kind that hears all", other, child("8"), false},
		{"its own write", web, child("7"), true},
		{"the same version once more", web, child("7"), false},
	} {
		if e.Take(c.owner, c.shown) != c.echo {
			t.Errorf("%s: an echo is %t", c.what, !c.echo)
		}
	}
	var none *Echoes
	none.Add(t.Context(), "AgencyPortal", web, child("7"))
	if none.Take(web, child("7")) {
		t.Error("without a set every event counts")
	}
}

// TestEchoesOfAFailedRound: what a round wrote that failed is seen by its events, and what
// others wrote meanwhile stays an echo.
// Fails when Forget forgets nothing, or everything.
func TestEchoesOfAFailedRound(t *testing.T) {
	e := NewEchoes("AgencyPortal")
	web := types.NamespacedName{Namespace: "a", Name: "web"}
	child := func(version string) client.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{UID: "s", ResourceVersion: version}}
	}
	failed, done := Recording(t.Context())
	e.Add(failed, "AgencyPortal", web, child("1"))
	e.Add(t.Context(), "AgencyPortal", web, child("2"))
	e.Forget(done)
	if e.Take(web, child("1")) || !e.Take(web, child("2")) {
		t.Error("what the failed round wrote is an echo, or what another one wrote is none")
	}
}

// TestAnsweredOtherwise: where somebody's admission changed what was written, its event counts.
// Fails when wrote does not compare the answer.
func TestAnsweredOtherwise(t *testing.T) {
	for changed, want := range map[bool]bool{false: true, true: false} {
		a := &Applier{Echoes: NewEchoes(owner.Kind)}
		s := &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "web"}}
		r := a.begin(t.Context(), owner, nil, []object.Object{s})
		answer := s.DeepCopy()
		answer.ResourceVersion = "1"
		if changed {
			answer.Spec.Ports = []corev1.ServicePort{{Port: 22}}
		}
		r.wrote(t.Context(), r.planned[0], answer)
		if got := a.Echoes.Take(types.NamespacedName{Namespace: owner.Namespace, Name: owner.Name}, answer); got != want {
			t.Errorf("changed on the way %t: an echo is %t", changed, got)
		}
	}
}
