// Package schema tests what the API server admits: that it can be read back, that
// it is text that people see, that it fits the store together with its status, and
// that what becomes of it is admitted too. Fields are found by reflection, so a new
// field or kind that is not bounded fails by its name.
package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{})
}

// emptyObjects returns an empty object of every kind of the platform.
func emptyObjects() map[string]client.Object {
	out := map[string]client.Object{}
	for _, d := range kinds.All() {
		out[d.Kind] = d.New()
	}
	return out
}

// person returns a client without the rights of break-glass administrators that
// may write everything of the platform, as a person does.
func person(t *testing.T) client.Client {
	t.Helper()
	everything := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "writers"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"platform.gov.vn"}, Resources: []string{"*"}, Verbs: []string{"*"}}}}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "writers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "writers"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "writers"}}}
	for _, o := range []client.Object{everything, binding} {
		if err := env.Admin.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	cfg := env.ControlPlane.AdminConfig()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: harness.AdminUser, Groups: []string{"writers"}}
	c, err := harness.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// Neither the rights nor the policy are in force at once.
	o := sampleOf(t, "SharedPlatform", "full")
	delete(o.Object, "status")
	o.SetFinalizers(slices.Repeat([]string{"example.gov.vn/f"}, 17))
	harness.Eventually(t, func() error {
		if err := c.Create(t.Context(), o.DeepCopy(), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "metadata.finalizers: 17") {
			return fmt.Errorf("the admission policy does not answer yet: %w", err)
		}
		return nil
	})
	return c
}
