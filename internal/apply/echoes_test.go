package apply

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestEchoes: only what an owner's round wrote, as it wrote it, is an echo, and once.
// Fails when Take forgets nothing, or does not look at the owner or the version.
func TestEchoes(t *testing.T) {
	child := func(version string) client.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{UID: "s", ResourceVersion: version}}
	}
	web, other := types.NamespacedName{Namespace: "a", Name: "web"}, types.NamespacedName{Namespace: "a", Name: "other"}
	e := NewEchoes("AgencyPortal")
	e.Add("AgencyPortal", web, child("7"))
	e.Add("DataSharingLink", other, child("8"))
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
	none.Add("AgencyPortal", web, child("7"))
	if none.Take(web, child("7")) {
		t.Error("without a set every event counts")
	}
}
