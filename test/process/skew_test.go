package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const portalDefinition = "agencyportals.platform.gov.vn"

func served(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(name)
	// Clean-ups call this too, when the test's context has ended.
	if err := env.Admin.Get(context.Background(), client.ObjectKey{Name: name}, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// redefine changes the definition of a resource by one JSON patch operation on the properties of its status.
func redefine(t *testing.T, name, op, field string, value any) {
	t.Helper()
	step := map[string]any{"op": op, "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/" + field}
	if value != nil {
		step["value"] = value
	}
	data, err := json.Marshal([]any{step})
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Patch(t.Context(), served(t, name), client.RawPatch(types.JSONPatchType, data)); err != nil {
		t.Fatal(err)
	}
}

// reinstall applies config/crd, as the remedy says; also when the test's context has ended.
func reinstall(t *testing.T) {
	t.Helper()
	objects, err := harness.Render("config/crd")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		harness.Eventually(t, func() error {
			return env.Admin.Patch(context.Background(), o.DeepCopy(), client.Apply, client.FieldOwner("install"), client.ForceOwnership) //nolint:staticcheck // unstructured objects of any kind
		})
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		harness.Eventually(t, func() error { return established(t, o.GetName()) })
	}
}

func established(t *testing.T, name string) error {
	t.Helper()
	conditions, _, _ := unstructured.NestedSlice(served(t, name).Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Established" && m["status"] == "True" {
			return nil
		}
	}
	return errors.New(name + " is not established")
}

// wantRefusal starts an operator that must not start, and must write nothing.
func wantRefusal(t *testing.T, o harness.OperatorOptions, parts ...string) {
	t.Helper()
	counter := harness.NewCounter()
	o.Transport = counter.Wrap
	op, err := env.StartOperator(t.Context(), o)
	if err == nil {
		_ = op.Stop()
		t.Fatalf("the operator started, want a refusal that names %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("refused with %q, which does not name %q", err, part)
		}
	}
	if w := counter.Writes(); len(w) > 0 {
		t.Errorf("it wrote:%s", harness.String(w))
	}
}

// wantEnd waits until a running operator ends by itself.
func wantEnd(t *testing.T, op *harness.Operator, parts ...string) {
	t.Helper()
	select {
	case <-op.Done():
	case <-time.After(harness.Timeout):
		t.Fatal("the operator goes on")
	}
	err := op.Stop()
	if err == nil {
		t.Fatal("the operator ended without a reason")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("ended with %q, which does not name %q", err, part)
		}
	}
}

const remedy = "kubectl apply --server-side -k config/crd"

// TestOlderDefinition starts the operator over a definition without a field that it writes.
// Fails without the check of definitions in checkStart: the operator starts, and the API server drops the field.
func TestOlderDefinition(t *testing.T) {
	t.Cleanup(func() { reinstall(t) })
	redefine(t, portalDefinition, "remove", "lastCompliant", nil)
	wantRefusal(t, harness.OperatorOptions{}, portalDefinition, "status.lastCompliant", "older", remedy)
}

// TestAbsentDefinition starts the operator without one of its kinds, and takes the kind from one that runs.
// Fails without the check of definitions in checkStart, since "no matches for kind" is no remedy, and without the watch
// of deletions, since the operator goes on.
func TestAbsentDefinition(t *testing.T) {
	const name = "sharedplatforms.platform.gov.vn"
	t.Cleanup(func() { reinstall(t) })
	op := env.Operator(t, harness.OperatorOptions{})
	crd := served(t, name)
	env.Edit(t, crd, func() { crd.SetAnnotations(map[string]string{"platform.gov.vn/allow-deletion": name}) })
	if err := env.Admin.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, op, name, "is not installed", remedy)
	wantRefusal(t, harness.OperatorOptions{}, name, "is not installed", remedy)
}

// TestNewerDefinition runs the operator under a definition with a field that it does not know.
// Fails when a definition must be the same, and without the count for the metric.
func TestNewerDefinition(t *testing.T) {
	t.Cleanup(func() { reinstall(t) })
	redefine(t, portalDefinition, "add", "fromTheFuture", map[string]any{"type": "string"})
	op := env.Operator(t, harness.OperatorOptions{})
	// What an earlier test left is removed by this operator.
	env.WaitEmpty(t)
	agency := harness.Agency("newer", "K81")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	want := map[string]int{"newer": 1, "older": 0}
	if diff := cmp.Diff(want, op.Manager.SchemaSkew()["AgencyPortal"]); diff != "" {
		t.Errorf("counts of AgencyPortal (-want +got):\n%s", diff)
	}
	reinstall(t)
	harness.Eventually(t, func() error {
		if n := op.Manager.SchemaSkew()["AgencyPortal"]["newer"]; n != 0 {
			return fmt.Errorf("%d fields are newer after the upgrade", n)
		}
		return nil
	})
}

func portalNow(t *testing.T, p *v1alpha1.AgencyPortal) *v1alpha1.AgencyPortal {
	t.Helper()
	now := &v1alpha1.AgencyPortal{}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), now); err != nil {
		t.Fatal(err)
	}
	return now
}

// TestDefinitionReplacedWhileRunning puts an older definition in place of that of a running operator, and gives the
// operator a reason to write. It ends instead. After the upgrade what it had recorded is there, and what another's write
// dropped meanwhile is recorded anew.
// Fails without the watch of definitions: the operator writes, and the last compliant spec and the inventory are gone.
func TestDefinitionReplacedWhileRunning(t *testing.T) {
	t.Cleanup(func() { reinstall(t) })
	op := env.Operator(t, harness.OperatorOptions{})
	// What an earlier test left is removed by this operator.
	env.WaitEmpty(t)
	agency := harness.Agency("replaced", "K82")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	kept, touched := harness.Portal("replaced", "kept"), harness.Portal("replaced", "touched")
	env.Create(t, kept, touched)
	env.WaitReady(t, kept, touched)
	op.WaitQuiet(t, 3*time.Second)
	before := portalNow(t, kept).Status
	if before.LastCompliant == nil || len(before.Inventory) == 0 {
		t.Fatal("nothing is recorded that could be lost")
	}

	// One patch takes both fields, so that an operator which goes on would drop both.
	patch := `[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/lastCompliant"},
		{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/inventory"}]`
	if err := env.Admin.Patch(t.Context(), served(t, portalDefinition), client.RawPatch(types.JSONPatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, op, portalDefinition, "status.inventory, status.lastCompliant", remedy)
	halt(t, agency, true)
	if err := env.Admin.Patch(t.Context(), touched, harness.MergePatch(`{"metadata":{"annotations":{"example.org/touched":"yes"}}}`)); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, harness.OperatorOptions{}, portalDefinition, remedy)

	reinstall(t)
	harness.Eventually(t, func() error {
		now := portalNow(t, kept).Status
		if diff := cmp.Diff(before, now); diff != "" {
			return errors.New("what was recorded changed (-before +after):\n" + diff)
		}
		return nil
	})
	halt(t, agency, false)
	env.Operator(t, harness.OperatorOptions{})
	env.WaitReady(t, agency, kept, touched)
	harness.Eventually(t, func() error {
		if s := portalNow(t, touched).Status; s.LastCompliant == nil || len(s.Inventory) == 0 {
			return errors.New("what was dropped is not recorded anew")
		}
		return nil
	})
}

func halt(t *testing.T, a *v1alpha1.Agency, yes bool) {
	t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"suspended":%t}}`, yes))
	if err := env.Admin.Patch(t.Context(), a, patch); err != nil {
		t.Fatal(err)
	}
}

// account makes a service account in a namespace of its own and gives it rules, or the operator's role.
func account(t *testing.T, namespace string, rules []rbacv1.PolicyRule, role string) types.NamespacedName {
	t.Helper()
	sa := types.NamespacedName{Namespace: namespace, Name: harness.OperatorServiceAccount}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: sa.Name}, AutomountServiceAccountToken: ptr.To(false)},
	}
	if role == "" && rules != nil {
		role = namespace
		objects = append(objects, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules})
	}
	if role != "" {
		objects = append(objects, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: namespace}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: sa.Name}},
		})
	}
	for _, o := range objects {
		if err := env.Admin.Create(t.Context(), o); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	return sa
}

// TestUnknownIdentity starts the operator with all its rights under a name that the admission policies do not know, as
// after an overlay that sets another namespace. Fails without checkIdentity: the operator starts, and no agency ever
// gets its namespace.
func TestUnknownIdentity(t *testing.T) {
	sa := account(t, "elsewhere", nil, "govplatform-manager-role")
	wantRefusal(t, harness.OperatorOptions{ServiceAccount: sa}, "system:serviceaccount:elsewhere:"+sa.Name,
		"config/admission names another service account or namespace", "config/components/operator-identity", "agency-namespaces")
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: names.Namespace("start-check")}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
		t.Errorf("the check left a namespace behind: %v", err)
	}
}

// TestMissingRights starts the operator without a role, without one verb of one rule, without one of the roles that it
// may bind, and without its rights on the lease. Each start ends with the name of what is missing and of nothing else.
// Fails without checkRights: the operator starts, and its work ends half done, or no replica ever leads.
func TestMissingRights(t *testing.T) {
	const lacks = "it lacks a right that it needs: "
	none := account(t, "rightless", nil, "")
	wantRefusal(t, harness.OperatorOptions{ServiceAccount: none}, "system:serviceaccount:rightless:"+none.Name, lacks+"all that config/rbac gives it", "config/default")
	for namespace, tt := range map[string]struct {
		group, resource string
		without         func(*rbacv1.PolicyRule)
		want            string
	}{
		"no-update": {"apps", "deployments", func(r *rbacv1.PolicyRule) {
			r.Verbs = slices.DeleteFunc(r.Verbs, func(v string) bool { return v == "update" })
		}, "update on deployments.apps"},
		"no-bind": {rbacv1.GroupName, "clusterroles", func(r *rbacv1.PolicyRule) {
			r.ResourceNames = []string{"govplatform-agency-admin"}
		}, "bind on clusterroles.rbac.authorization.k8s.io govplatform-agency-viewer"},
	} {
		role := &rbacv1.ClusterRole{}
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: "govplatform-manager-role"}, role); err != nil {
			t.Fatal(err)
		}
		for i := range role.Rules {
			if r := &role.Rules[i]; r.APIGroups[0] == tt.group && r.Resources[0] == tt.resource {
				tt.without(r)
			}
		}
		wantRefusal(t, harness.OperatorOptions{ServiceAccount: account(t, namespace, role.Rules, "")}, lacks+tt.want+": apply config/default")
	}
	elsewhere := account(t, "leaseless", nil, "govplatform-manager-role")
	wantRefusal(t, harness.OperatorOptions{ServiceAccount: elsewhere, LeaderElection: true}, lacks, "create, get, list, patch, update, watch on leases.coordination.k8s.io in namespace "+harness.OperatorNamespace)
}

// TestStartAsksForEachRight starts the operator where the list of its rights says nothing, as where an authorizer is no
// part of the API server. Fails when the API server does not understand a question, or answers another one.
func TestStartAsksForEachRight(t *testing.T) {
	f := &forbidden{match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/selfsubjectrulesreviews") }}
	f.on.Store(true)
	op := env.Operator(t, harness.OperatorOptions{Transport: func(next harness.Transport) harness.Transport { f.next = next; return f }})
	n := 0
	for _, r := range op.Requests.StartChecks() {
		if strings.HasSuffix(r.Path, "/selfsubjectaccessreviews") {
			n++
		}
	}
	if n < 100 {
		t.Errorf("%d rights were asked about, want more than 100", n)
	}
}

// TestStartChecksAreFew counts the requests of the checks on a healthy cluster.
// Fails when a check is repeated or reads more than it compares.
func TestStartChecksAreFew(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	n := 0
	for _, r := range op.Requests.Reads() {
		if strings.Contains(r.Path, "/customresourcedefinitions/") {
			n++
		}
	}
	if n != len(kinds.All()) {
		t.Errorf("the start reads %d definitions, want each of %d once", n, len(kinds.All()))
	}
	if checks := op.Requests.StartChecks(); len(checks) != 3 {
		t.Errorf("the start asks who it is, what it may do and whether admission knows it in %d requests, want 3:%s", len(checks), harness.String(checks))
	}
}
