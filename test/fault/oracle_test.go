package fault

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestRecordingGoesOn takes from a recording the place at which it is, with an API server that is started again and has
// forgotten it, and looks whether it sees what comes after. An oracle that is blind sees no fault.
// Fails when a watch that ended as expired is taken up again at the same version.
func TestRecordingGoesOn(t *testing.T) {
	env := start(t)
	w := newWorld(env, 0)
	env.Operator(t, harness.OperatorOptions{})
	makeBase(t, w)
	recorded := record(t, env, w)
	if err := env.ControlPlane.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: names.Namespace(w.a)}}
	w.create(t, other)
	harness.Eventually(t, func() error {
		for _, e := range recorded.Revisions(t) {
			if e.Object.GetName() == other.Name {
				return nil
			}
		}
		return errors.New("the recording does not see what came after the restart")
	})
	recorded.guarded(t)
}
