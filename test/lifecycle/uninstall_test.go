package lifecycle

import (
	"maps"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestUninstall removes the operator and installs it again. Whoever removed
// config/default before took the admission policies along. It fails when one
// object more or less is removed.
func TestUninstall(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	world(t, env)
	op.WaitQuiet(t, quiet)
	manifests, err := harness.Render("config/default")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range manifests {
		if o.GetKind() == "Deployment" {
			if err := env.Admin.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	before, uids := statusOf(t, env), kept(t, env)

	r, err := cli.PlanRemoval(t.Context(), env.Admin, harness.OperatorNamespace)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if err := r.Print(&said); err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "uninstall.txt", said.String())
	var first string
	for i, o := range r.Objects {
		switch o.GetKind() {
		case "Deployment", "ClusterRoleBinding", "RoleBinding", "PodDisruptionBudget", "Service", "ServiceAccount":
		default:
			t.Errorf("%s %s is removed", o.GetKind(), o.GetName())
		}
		if i == 0 {
			first = o.GetKind()
		}
	}
	if first != "Deployment" {
		t.Errorf("%s goes before the operator", first)
	}
	if err := r.Run(t.Context(), env.Admin, harness.Timeout); err != nil {
		t.Fatal(err)
	}
	for _, o := range manifests {
		live := o.DeepCopy()
		err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), live)
		gone := apierrors.IsNotFound(err) || live.GetDeletionTimestamp() != nil
		if !gone && err != nil {
			t.Fatal(err)
		}
		removed := false
		for _, x := range r.Objects {
			removed = removed || x.GetKind() == o.GetKind() && x.GetName() == o.GetName()
		}
		if gone != removed {
			t.Errorf("%s %s: gone %t, listed %t", o.GetKind(), o.GetName(), gone, removed)
		}
	}
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: harness.OperatorNamespace, Name: harness.OperatorServiceAccount}, &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
		t.Errorf("the operator's Deployment: %v", err)
	}
	if !maps.Equal(uids, kept(t, env)) {
		t.Error("something of the agencies went with the operator")
	}
	again(t, env, before, uids)
}

// again installs the operator over what an earlier one left.
func again(t *testing.T, env *harness.Env, before map[string]any, uids map[string]string) {
	t.Helper()
	if err := env.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		return env.Admin.Get(t.Context(), client.ObjectKey{Name: "govplatform-manager-rolebinding"}, &rbacv1.ClusterRoleBinding{})
	})
	op := env.Operator(t, harness.OperatorOptions{})
	op.WaitQuiet(t, quiet)
	if !maps.Equal(uids, kept(t, env)) {
		t.Error("the new operator made something anew")
	}
	if after := statusOf(t, env); len(after) != len(before) {
		t.Errorf("%d statuses, %d before", len(after), len(before))
	}
	env.WaitReady(t, linkNamed("kept"))
	halted := linkNamed("halted")
	env.WaitCondition(t, halted, v1alpha1.ConditionReady, "False", v1alpha1.ReasonLinkSuspended)
}

// TestNodePeersGoWithTheNamespace: what the operator made of its settings goes with its
// namespace, which kubectl delete -k config/default deletes: nobody would keep it.
// Fails without the owner reference.
func TestNodePeersGoWithTheNamespace(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	policies := []client.Object{&admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}}
	for _, o := range policies {
		harness.Eventually(t, func() error {
			return env.Admin.Get(t.Context(), client.ObjectKey{Name: names.NodePeersPolicy}, o)
		})
	}
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: harness.OperatorNamespace}}); err != nil {
		t.Fatal(err)
	}
	for _, o := range policies {
		env.WaitGone(t, o)
	}
}
