package threats

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// guardedKeys are the labels of an agency's namespace on which its isolation rests.
func guardedKeys(ns *corev1.Namespace) []string {
	var out []string
	for k := range ns.Labels {
		if strings.HasPrefix(k, names.Domain) || strings.HasPrefix(k, "pod-security.kubernetes.io/") || k == names.LabelManagedBy {
			out = append(out, k)
		}
	}
	return out
}

// TestThreat06_TenantStripsItsNamespace has every verb on its namespace and
// tries each label by each verb, while no operator could repair it.
// Fails when the admission policy agency-namespaces does not exist.
func TestThreat06_TenantStripsItsNamespace(t *testing.T) {
	operate(t)
	newAgency(t, "t06")
	attacker := namespaceRights(t, "t06")
	stopOperator(t)
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-t06"}})
	keys := guardedKeys(ns)
	if len(keys) < 10 {
		t.Fatalf("only %v are there to be guarded", keys)
	}
	for _, k := range keys {
		weaker := `"privileged"`
		if strings.HasSuffix(k, "-version") {
			weaker = `"v1.20"`
		}
		for how, value := range map[string]string{"strip": "null", "change": weaker} {
			patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, k, value)
			refused(t, how+" "+k, attacker.Patch(t.Context(), ns.DeepCopy(), harness.MergePatch(patch)), byNamespacePolicy)
		}
	}
	bare := ns.DeepCopy()
	bare.Labels = nil
	refused(t, "update", attacker.Update(t.Context(), bare), byNamespacePolicy)
	refused(t, "apply", attacker.Patch(t.Context(), &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: ns.Name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}},
	}, client.Apply, client.ForceOwnership, client.FieldOwner("mallory")), byNamespacePolicy) //nolint:staticcheck // typed object
	refused(t, "delete", attacker.Delete(t.Context(), ns.DeepCopy()), byNamespacePolicy)
	untouched(t, ns)
}

// TestThreat08_TenantStripsThroughSubresources does the same through /status
// and /finalize, which bypass policies that name only the main resource.
// Fails when the policy agency-namespaces leaves the subresources out.
func TestThreat08_TenantStripsThroughSubresources(t *testing.T) {
	operate(t)
	newAgency(t, "t08")
	namespaceRights(t, "t08")
	stopOperator(t)
	cfg, err := env.ControlPlane.UserConfig(malloryOf("t08"), "t08-admins")
	if err != nil {
		t.Fatal(err)
	}
	attacker, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-t08"}})
	for _, k := range guardedKeys(ns) {
		stripped := ns.DeepCopy()
		delete(stripped.Labels, k)
		_, err := attacker.CoreV1().Namespaces().UpdateStatus(t.Context(), stripped, metav1.UpdateOptions{})
		refused(t, "status without "+k, err, byNamespacePolicy)
		_, err = attacker.CoreV1().Namespaces().Finalize(t.Context(), stripped, metav1.UpdateOptions{})
		refused(t, "finalize without "+k, err, byNamespacePolicy)
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, k)
		_, err = attacker.CoreV1().Namespaces().Patch(t.Context(), ns.Name, "application/merge-patch+json", patch, metav1.PatchOptions{}, "status")
		refused(t, "patch of status without "+k, err, byNamespacePolicy)
	}
	unheld := ns.DeepCopy()
	unheld.Spec.Finalizers = nil
	_, err = attacker.CoreV1().Namespaces().Finalize(t.Context(), unheld, metav1.UpdateOptions{})
	refused(t, "finalize", err, byNamespacePolicy)
	untouched(t, ns)
}

func inventoryBeyond(st v1alpha1.AgencyPortalStatus, namespace string) bool {
	return slices.ContainsFunc(st.Inventory, func(e v1alpha1.InventoryEntry) bool { return e.Namespace != namespace })
}

// TestThreat09_ForgedStatus says in the portal's status that all is well, with
// the create, with rights on the subresource, and at last as if the guard had
// been switched off.
// Fails when the admission policy platform-status does not exist; when the
// status keeps a level that is already set; when prune trusts the inventory.
func TestThreat09_ForgedStatus(t *testing.T) {
	operate(t)
	newAgency(t, "t09")
	newAgency(t, "u09")
	policy := harness.Policy("t09", "t09", allow(registry))
	env.Create(t, policy)
	env.WaitReady(t, policy)
	victim := harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("u09", "default-deny")})

	portal := harness.Portal("t09", "portal", image(evil), func(p *v1alpha1.AgencyPortal) { p.Spec.Scope = "National" })
	compliant := portal.Spec.DeepCopy()
	forged := v1alpha1.AgencyPortalStatus{
		StatusBase: v1alpha1.StatusBase{
			ObservedGeneration: 1,
			Conditions:         []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Ready", LastTransitionTime: metav1.Now()}},
			Inventory: []v1alpha1.InventoryEntry{
				{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: victim.Namespace, Name: victim.Name, UID: victim.UID},
			},
		},
		SecurityLevel: 1, LastCompliant: compliant,
	}
	portal.Status = forged
	attacker := mallory(t, "t09")
	if err := attacker.Create(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	blocked := func() {
		t.Helper()
		env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
		if st := portal.Status; st.SecurityLevel != 4 || len(st.Findings) != 1 || st.LastCompliant != nil || inventoryBeyond(st, "agency-t09") {
			t.Errorf("the status is not the observed one: %+v", st)
		}
		absent(t, &appsv1.Deployment{ObjectMeta: in("t09", "portal")})
		untouched(t, victim)
	}
	blocked()

	lie := portal.DeepCopy()
	lie.Status = forged
	err := attacker.Status().Patch(t.Context(), lie, client.MergeFrom(portal))
	refused(t, "patch of status", err, "agencyportals")
	careless := fullRights(t, "t09")
	lie = portal.DeepCopy()
	lie.Status = forged
	err = careless.Status().Patch(t.Context(), lie, client.MergeFrom(portal))
	refused(t, "patch of status with the right to it", err, byStatusPolicy)
	untouched(t, portal)

	// A forged last compliant spec would run only if it were not evaluated again.
	lie = portal.DeepCopy()
	lie.Status = forged
	if err := env.Admin.Status().Patch(t.Context(), lie, client.MergeFrom(portal)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if st := harness.Stored(t, env, portal).Status; st.SecurityLevel != 4 || len(st.Findings) != 1 || inventoryBeyond(st, "agency-t09") {
			return fmt.Errorf("the forged status stands: %+v", st)
		}
		return nil
	})
	time.Sleep(500 * time.Millisecond)
	absent(t, &appsv1.Deployment{ObjectMeta: in("t09", "portal")})
	untouched(t, victim)
}

// TestThreat09_ForgedLabels writes the operator's own marks on a portal, where
// they must mean nothing.
// Fails when the level on the pods is taken from the portal's label.
func TestThreat09_ForgedLabels(t *testing.T) {
	operate(t)
	agency := newAgency(t, "v09")
	marks := map[string]string{
		names.LabelSecurityLevel: "1", names.LabelExposure: "Internal", names.LabelAgency: "other", names.LabelPortal: "other",
		names.LabelManagedBy: names.ManagedBy, names.LabelOwnerKind: "Agency", names.LabelOwnerName: "v09", names.LabelOwnerUID: string(agency.UID),
	}
	portal := harness.Portal("v09", "portal", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.Scope = "CriticalNational"
		p.Labels, p.Annotations = maps.Clone(marks), maps.Clone(marks)
	})
	if err := mallory(t, "v09").Create(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, portal)
	if portal.Status.SecurityLevel != 5 {
		t.Errorf("level %d, want 5", portal.Status.SecurityLevel)
	}
	d := harness.Stored(t, env, &appsv1.Deployment{ObjectMeta: in("v09", "portal")})
	for _, l := range []map[string]string{d.Labels, podsOf(t, "v09")[0].Labels} {
		if l[names.LabelOwnerUID] != string(portal.UID) || l[names.LabelAgency] != "v09" || l[names.LabelPortal] != "portal" || l[names.LabelOwnerKind] != "AgencyPortal" {
			t.Errorf("forged marks were copied: %v", l)
		}
	}
	if l := podsOf(t, "v09")[0].Labels; l[names.LabelSecurityLevel] != "5" {
		t.Errorf("the pod's level is %s", l[names.LabelSecurityLevel])
	}
}
