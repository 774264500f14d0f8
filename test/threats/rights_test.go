package threats

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// announced waits for a Warning about the agency whose note has all parts, and
// returns how many Events of the reason there are.
func announced(t *testing.T, a *v1alpha1.Agency, reason string, parts ...string) int {
	t.Helper()
	about := func(o corev1.ObjectReference) bool { return o.UID == a.UID }
	begins := "Warning " + reason + ": "
	env.WaitTold(t, metav1.NamespaceDefault, about, begins, parts...)
	n := 0
	for _, told := range env.Told(t, metav1.NamespaceDefault, about) {
		if strings.HasPrefix(told, begins) {
			n++
		}
	}
	return n
}

func admins(t *testing.T, agency string) []string {
	t.Helper()
	var b rbacv1.RoleBinding
	err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: names.Namespace(agency), Name: "agency-admins"}, &b)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range b.Subjects {
		out = append(out, s.Name)
	}
	return out
}

// TestRightsAreAnnounced: who puts an own group among an agency's administrators
// is announced with a Warning and a condition with its time, once.
func TestRightsAreAnnounced(t *testing.T) {
	op := operate(t)
	a := newAgency(t, "t45", code("T45", 1))
	announced(t, a, v1alpha1.ReasonRightsChanged, `Added: adminGroups "t45-admins"`)
	first := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionRightsChanged)
	env.Merge(t, a, `{"spec":{"adminGroups":["t45-admins","mallorys"]}}`)
	announced(t, a, v1alpha1.ReasonRightsChanged, `Added: adminGroups "mallorys".`)
	env.Merge(t, a, `{"spec":{"adminGroups":["t45-admins"]}}`)
	announced(t, a, v1alpha1.ReasonRightsChanged, `Removed: adminGroups "mallorys".`)
	last := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionRightsChanged)
	if last.Status != metav1.ConditionTrue || last.LastTransitionTime.Before(&first.LastTransitionTime) || !strings.Contains(last.Message, `Removed: adminGroups "mallorys".`) {
		t.Errorf("condition %+v, before %+v", last, first)
	}
	if got := strings.Join(admins(t, "t45"), " "); got != "t45-admins" {
		t.Errorf("administrators are %s", got)
	}
	env.Merge(t, a, `{"metadata":{"annotations":{"example.org/touched":"1"}}}`)
	op.WaitQuiet(t, harness.Timeout/20)
	if n := announced(t, a, v1alpha1.ReasonRightsChanged, `Removed: adminGroups "mallorys".`); n != 3 {
		t.Errorf("%d Events, want 3", n)
	}
}
