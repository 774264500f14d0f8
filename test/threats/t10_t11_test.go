package threats

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat10_ForeignObjects puts somebody else's object, which wears all of
// the operator's labels but its owner's UID, in the place of each of a portal's.
// Fails when apply adopts what carries the managed-by label.
func TestThreat10_ForeignObjects(t *testing.T) {
	operate(t)
	newAgency(t, "t10")
	dressed := func(name string) metav1.ObjectMeta {
		m := in("t10", name)
		m.Labels = map[string]string{
			names.LabelManagedBy: names.ManagedBy, names.LabelOwnerKind: "AgencyPortal", names.LabelAgency: "t10",
			names.LabelOwnerName: strings.TrimSuffix(name, "-deny"), names.LabelPortal: strings.TrimSuffix(name, "-deny"),
		}
		return m
	}
	old := map[string]string{"app": "old"}
	foreign := map[string]client.Object{
		"Deployment": &appsv1.Deployment{ObjectMeta: dressed("a"), Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: old},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: old}, Spec: rawPod("t10", "old", harness.Image).Spec},
		}},
		"Service":        &corev1.Service{ObjectMeta: dressed("b"), Spec: corev1.ServiceSpec{Selector: old, Ports: []corev1.ServicePort{{Port: 1}}}},
		"ServiceAccount": &corev1.ServiceAccount{ObjectMeta: dressed("c")},
		"NetworkPolicy": &networkingv1.NetworkPolicy{ObjectMeta: dressed("d-deny"), Spec: networkingv1.NetworkPolicySpec{
			Ingress: []networkingv1.NetworkPolicyIngressRule{{}}, PolicyTypes: []networkingv1.PolicyType{"Ingress"},
		}},
	}
	for kind, o := range foreign {
		t.Run(kind, func(t *testing.T) {
			env.Create(t, o)
			if kind == "Deployment" {
				harness.Eventually(t, func() error { // the Deployment's own controller writes its status first
					if harness.Stored(t, env, o.(*appsv1.Deployment)).Status.ObservedGeneration == 0 {
						return apierrors.NewTimeoutError("no status yet", 0)
					}
					return nil
				})
				time.Sleep(300 * time.Millisecond)
				harness.Stored(t, env, o)
			}
			portal := harness.Portal("t10", strings.TrimSuffix(o.GetName(), "-deny"), small)
			env.Create(t, portal)
			env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
			message := conditionOf(portal, v1alpha1.ConditionReady).Message
			if !strings.Contains(message, kind+" agency-t10/"+o.GetName()) || !strings.Contains(message, "Remove or rename it") {
				t.Errorf("the condition does not name object and remedy: %s", message)
			}
			untouched(t, o)
			if kind == "NetworkPolicy" {
				absent(t, &appsv1.Deployment{ObjectMeta: in("t10", portal.Name)})
			}
			for _, e := range portal.Status.Inventory {
				if e.UID == o.GetUID() {
					t.Errorf("the foreign object is in the inventory: %+v", e)
				}
			}
			if err := env.Admin.Delete(t.Context(), portal); err != nil {
				t.Fatal(err)
			}
			env.WaitGone(t, portal)
			time.Sleep(500 * time.Millisecond)
			untouched(t, o)
		})
	}
}

// TestThreat10_ForeignNamespace has the agency's namespace before the agency.
// Its administrator learns the agency's UID and forges the mark of ownership.
// Fails when the admission policy agency-namespaces looks only at namespaces
// with the label platform.gov.vn/agency; when apply adopts a namespace by name.
func TestThreat10_ForeignNamespace(t *testing.T) {
	operate(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-u10"}}
	env.Create(t, ns)
	agency := harness.Agency("u10", "U10")
	env.Create(t, agency)
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	if m := conditionOf(agency, v1alpha1.ConditionReady).Message; !strings.Contains(m, "Namespace agency-u10") || !strings.Contains(m, "Remove or rename it") {
		t.Errorf("the condition does not name object and remedy: %s", m)
	}
	harness.Stored(t, env, ns)
	attacker := namespaceRights(t, "u10")
	forged := `{"metadata":{"labels":{"` + names.LabelOwnerUID + `":"` + string(agency.UID) + `","` + names.LabelOwnerKind + `":"Agency","` + names.LabelOwnerName + `":"u10"}}}`
	refused(t, "forge the mark", attacker.Patch(t.Context(), ns.DeepCopy(), harness.MergePatch(forged)), byNamespacePolicy)
	reference := `{"metadata":{"ownerReferences":[{"apiVersion":"platform.gov.vn/v1alpha1","kind":"Agency","name":"u10","uid":"` + string(agency.UID) + `"}]}}`
	_ = attacker.Patch(t.Context(), ns.DeepCopy(), harness.MergePatch(reference))
	touch(t, agency)
	time.Sleep(time.Second)
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
	if got := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name}}); got.Labels[names.LabelAgency] != "" || got.Labels[names.LabelManagedBy] != "" {
		t.Errorf("the namespace was adopted: %v", got.Labels)
	}
	if p := policiesOf(t, "u10"); len(p) > 0 {
		t.Errorf("objects were made in a foreign namespace: %v", p[0].Name)
	}
	env.Merge(t, harness.Stored(t, env, ns), `{"metadata":{"ownerReferences":null}}`)
	harness.Stored(t, env, ns)
	if err := env.Admin.Delete(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, agency)
	time.Sleep(500 * time.Millisecond)
	untouched(t, ns)
}

// TestThreat11_OwnerReferences lets the garbage collector do the deleting:
// references to owners that are somebody else's, elsewhere, or nobody's.
// Fails when the policy agency-namespaces lets others than the operator delete;
// when prune trusts the inventory without the live mark of ownership.
func TestThreat11_OwnerReferences(t *testing.T) {
	operate(t)
	agency := newAgency(t, "t11")
	newAgency(t, "u11")
	victim := harness.Portal("u11", "portal", small)
	portal := harness.Portal("t11", "portal", small)
	env.Create(t, victim, portal)
	env.WaitReady(t, victim, portal)
	others := []client.Object{
		harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("u11", "default-deny")}), harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("u11", "portal-deny")}),
		harness.Stored(t, env, &rbacv1.RoleBinding{ObjectMeta: in("u11", "agency-admins")}), harness.Stored(t, env, &corev1.ServiceAccount{ObjectMeta: in("u11", "portal")}),
	}
	reference := func(kind, name string, uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "platform.gov.vn/v1alpha1", Kind: kind, Name: name, UID: uid, Controller: ptr.To(true)}
	}
	attacker := namespaceRights(t, "t11")
	for name, ref := range map[string]metav1.OwnerReference{
		"victim":   reference("AgencyPortal", "portal", victim.UID),
		"dangling": reference("AgencyPortal", "nobody", "00000000-0000-0000-0000-000000000000"),
		"agency":   reference("Agency", "t11", agency.UID),
	} {
		cm := &corev1.ConfigMap{ObjectMeta: in("t11", name)}
		cm.OwnerReferences = []metav1.OwnerReference{ref}
		cm.Labels = map[string]string{names.LabelOwnerUID: string(victim.UID), names.LabelOwnerKind: "AgencyPortal", names.LabelOwnerName: "portal", names.LabelManagedBy: names.ManagedBy}
		if err := attacker.Create(t.Context(), cm); err != nil {
			t.Fatal(err)
		}
	}
	// A whole namespace with an owner that never was: the garbage collector
	// deletes such objects, and the network policies would go with it.
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-t11"}}
	dangling := `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"nobody","uid":"00000000-0000-0000-0000-000000000001"}]}}`
	stopOperator(t)
	patched := attacker.Patch(t.Context(), ns, harness.MergePatch(dangling))
	never(t, 4*time.Second, func() error {
		if got := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-t11"}}); got.DeletionTimestamp != nil {
			t.Fatalf("the namespace is deleted by its dangling owner reference (the patch gave: %v)", patched)
		}
		return nil
	})
	operate(t)
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, ns); len(got.OwnerReferences) > 0 {
			return apierrors.NewTimeoutError("the dangling reference is not removed", 0)
		}
		return nil
	})

	// An inventory that lists what is not the owner's, by the right UIDs.
	forged := portal.DeepCopy()
	harness.Stored(t, env, forged)
	before := forged.DeepCopy()
	for _, o := range others {
		gvk, err := env.Admin.GroupVersionKindFor(o)
		if err != nil {
			t.Fatal(err)
		}
		forged.Status.Inventory = append(forged.Status.Inventory, v1alpha1.InventoryEntry{Group: gvk.Group, Kind: gvk.Kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID()})
	}
	if err := env.Admin.Status().Patch(t.Context(), forged, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if n := len(harness.Stored(t, env, portal).Status.Inventory); n != len(before.Status.Inventory) {
			return apierrors.NewTimeoutError("the forged inventory stands", 0)
		}
		return nil
	})
	for _, o := range others {
		untouched(t, o)
	}
}
