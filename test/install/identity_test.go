package install

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/test/controlplane"
)

// conditions returns the match conditions of an admission policy by name.
func conditions(t *testing.T, policy *unstructured.Unstructured) map[string]string {
	t.Helper()
	list, _, err := unstructured.NestedSlice(policy.Object, "spec", "matchConditions")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range list {
		condition, ok := entry.(map[string]any)
		if !ok {
			t.Fatalf("%s: a match condition is %T", id(policy), entry)
		}
		name, _ := condition["name"].(string)
		found[name], _ = condition["expression"].(string)
	}
	return found
}

// TestExemptionsAreTheSame compares who is exempt across all admission policies: YAML has no way to write it once, and
// a copy that differs is a door.
// Fails when one copy says something else.
func TestExemptionsAreTheSame(t *testing.T) {
	exemptions := map[string]string{}
	for _, policy := range ofKind(kustomize(t, "config/default"), "ValidatingAdmissionPolicy") {
		own := conditions(t, policy)
		for name, expression := range own {
			if !strings.HasPrefix(name, "not-by-") {
				continue
			}
			if first, ok := exemptions[name]; ok && first != expression {
				t.Errorf("%s: %s is %q, elsewhere %q", id(policy), name, expression, first)
			}
			exemptions[name] = expression
		}
	}
	if want := "request.userInfo.username != '" + operator + "'"; exemptions["not-by-the-operator"] != want {
		t.Errorf("the operator's exemption is %q, want %q", exemptions["not-by-the-operator"], want)
	}
}

// TestOverlayKeepsTheOperator installs under another namespace and another prefix, with the component that makes the
// policies follow, on a server of its own, and makes an agency's namespace as that operator and as somebody else.
// Fails without the component's replacements: the operator is refused like everybody.
func TestOverlayKeepsTheOperator(t *testing.T) {
	objects := kustomize(t, "config/samples/overlay")
	for _, object := range objects {
		rendered, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if contains(rendered, namespace) {
			t.Errorf("%s still names %s: add it to config/components/operator-identity", id(object), namespace)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	}()
	admin, err := newClient(plane.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		eventually(t, id(object), func(ctx context.Context) error {
			return admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner("install-test"), client.ForceOwnership)
		})
	}
	if err := admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "full-rights"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: fullRights}},
	}); err != nil {
		t.Fatal(err)
	}
	other, err := plane.UserConfig("mallory", fullRights)
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := newClient(other)
	if err != nil {
		t.Fatal(err)
	}
	own, err := plane.ServiceAccountConfig(ctx, "platform-north", "north-govplatform-controller-manager")
	if err != nil {
		t.Fatal(err)
	}
	self, err := newClient(own)
	if err != nil {
		t.Fatal(err)
	}
	agency := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-north", Labels: map[string]string{agencyLabel: "north"}}}
	if err := plane.WaitAdmission(ctx); err != nil {
		t.Fatal(err)
	}
	if err := mallory.Create(ctx, agency.DeepCopy(), client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("another one makes an agency's namespace: %v", err)
	}
	if err := self.Create(ctx, agency); err != nil {
		t.Fatalf("the operator of the overlay can't make an agency's namespace: %v", err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: agency.Name, Name: "agency-admins"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "govplatform-agency-admin"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "north-admins"}},
	}
	if err := self.Create(ctx, binding); err != nil {
		t.Errorf("the operator of the overlay can't bind the agency's role: %v", err)
	}
}
