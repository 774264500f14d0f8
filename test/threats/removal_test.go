package threats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	byRemovalPolicy = "govplatform-object-removal"
	removerRole     = "govplatform-object-remover"
)

// takeOff takes one finalizer off an object, as kubectl edit does.
func takeOff(t *testing.T, c client.Client, o client.Object, finalizer string) error {
	t.Helper()
	now := harness.Stored(t, env, o)
	changed := now.DeepCopyObject().(client.Object)
	changed.SetFinalizers(slices.DeleteFunc(slices.Clone(now.GetFinalizers()), func(f string) bool { return f == finalizer }))
	return c.Patch(t.Context(), changed, client.MergeFromWithOptions(now, client.MergeFromWithOptimisticLock{}))
}

// TestRemoverRemovesAndNothingElse: who has the role for it removes what an agency has
// on the platform, and what holds it, and writes nothing. Others of the platform team
// remove nothing. Fails for each of the changes without the first validation of
// object-removal, for the finalizers of what lives without the second, and for those
// of the platform without the third; without the role nothing can be removed.
func TestRemoverRemovesAndNothingElse(t *testing.T) {
	operate(t)
	s := newShared(t, "r01")
	team, remover := team(t, "pt-r01"), team(t, "remover-r01", removerRole)
	approval := s.approve(t)
	veto := approvalBy(&s, s.provider, harness.AdminUser, "veto")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionSuspend, "Chờ"
	held := harness.Portal(s.provider, "held", small)
	held.Finalizers = []string{"backup.example/hold"}
	env.Create(t, held)
	env.WaitReady(t, held)

	// RBAC lets it patch, and admission nothing but the finalizers of what goes.
	changes := map[string]string{
		"spec":               `{"spec":{"displayName":"Khác"}}`,
		"a label":            `{"metadata":{"labels":{"example.org/a":"b"}}}`,
		"an annotation":      `{"metadata":{"annotations":{"example.org/a":"b"}}}`,
		"an owner":           `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"00000000-0000-0000-0000-000000000000"}]}}`,
		"a finalizer more":   `{"metadata":{"finalizers":["backup.example/hold","example.org/mine"]}}`,
		"what holds nothing": `{"metadata":{"finalizers":null}}`,
	}
	for what, patch := range changes {
		refused(t, what, remover.Patch(t.Context(), held.DeepCopy(), harness.MergePatch(patch)), byRemovalPolicy)
	}
	for what, err := range map[string]error{
		"status":               remover.Status().Patch(t.Context(), held.DeepCopy(), harness.MergePatch(`{"status":{"conditions":null}}`)),
		"a new one":            remover.Create(t.Context(), harness.Portal(s.provider, "new", small)),
		"all":                  remover.DeleteAllOf(t.Context(), &v1alpha1.AgencyPortal{}, client.InNamespace(held.Namespace)),
		"without the role":     team.Delete(t.Context(), held.DeepCopy()),
		"a patch without role": team.Patch(t.Context(), held.DeepCopy(), harness.MergePatch(`{"metadata":{"finalizers":null}}`)),
	} {
		if !apierrors.IsForbidden(err) || strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			t.Errorf("%s: %v, want no right", what, err)
		}
	}
	untouched(t, held)

	// A veto stays with who gave it, by whichever way.
	env.Create(t, veto)
	waitPair(t, s.link, 0)
	refused(t, "delete a veto", remover.Delete(t.Context(), veto.DeepCopy()), byVetoPolicy)
	refused(t, "take a veto over", remover.Patch(t.Context(), veto.DeepCopy(), harness.MergePatch(`{"spec":{"approver":"remover-r01"}}`)), byRemovalPolicy)
	refused(t, "lift a veto", remover.Patch(t.Context(), veto.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Approve"}}`)), "ValidatingAdmissionPolicy")
	// An approval only opens, so it goes, and the record of the link shows it.
	if err := remover.Delete(t.Context(), approval.DeepCopy()); err != nil {
		t.Errorf("delete an approval: %v", err)
	}
	harness.Eventually(t, func() error {
		if got := decisionsOf(t, s.link); !slices.Contains(got, "Revoked "+harness.AdminUser) {
			return fmt.Errorf("the record is %v", got)
		}
		return nil
	})

	// What is held goes with what holds it, in the operator's order.
	for _, o := range []client.Object{held, s.service, s.link} {
		if err := remover.Delete(t.Context(), o.DeepCopyObject().(client.Object)); err != nil {
			t.Errorf("delete %T: %v", o, err)
		}
	}
	env.WaitGone(t, s.service)
	env.WaitGone(t, s.link)
	delete(changes, "what holds nothing")
	delete(changes, "a finalizer more") // Kubernetes itself refuses it now.
	for what, patch := range changes {
		refused(t, what+" of what goes", remover.Patch(t.Context(), held.DeepCopy(), harness.MergePatch(patch)), byRemovalPolicy)
	}
	harness.Eventually(t, func() error { return takeOff(t, remover, held, "backup.example/hold") })
	env.WaitGone(t, held)
}

// TestRemoverLeavesTheOperatorsFinalizers: while the operator is away, nothing of what
// it must still undo is forgotten. Fails without the third validation of object-removal.
func TestRemoverLeavesTheOperatorsFinalizers(t *testing.T) {
	operate(t)
	s := newShared(t, "r02")
	remover := team(t, "remover-r02", removerRole)
	s.approve(t)
	env.Merge(t, s.link, `{"metadata":{"finalizers":["`+names.FlowFinalizer+`","backup.example/hold"]}}`)
	stopOperator(t)
	if err := remover.Delete(t.Context(), s.link.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	refused(t, "take off all", remover.Patch(t.Context(), s.link.DeepCopy(), harness.MergePatch(`{"metadata":{"finalizers":null}}`)), byRemovalPolicy)
	refused(t, "take off the operator's", takeOff(t, remover, s.link, names.FlowFinalizer), byRemovalPolicy)
	if err := takeOff(t, remover, s.link, "backup.example/hold"); err != nil {
		t.Errorf("take off another's: %v", err)
	}
	refused(t, "take off what is left", takeOff(t, remover, s.link, names.FlowFinalizer), byRemovalPolicy)
	if n := len(pairOf(t, s.link)); n != 2 {
		t.Errorf("%d policies of the link, want 2", n)
	}
	operate(t)
	env.WaitGone(t, s.link)
	waitPair(t, s.link, 0)
}

// TestRemoverWhoIsAnAdministrator: the role takes nothing from somebody who may write
// in the namespace anyway, and gives that one nothing elsewhere. Fails when object-removal
// does not ask who may create.
func TestRemoverWhoIsAnAdministrator(t *testing.T) {
	operate(t)
	newAgency(t, "r03", code("r03", 1))
	newAgency(t, "r04", code("r04", 2))
	here, there := harness.Portal("r03", "portal", small), harness.Portal("r04", "portal", small)
	env.Create(t, here, there,
		harness.Everywhere("admin-r03", removerRole, malloryOf("r03")))
	admin := mallory(t, "r03")
	harness.Eventually(t, func() error { return admin.Get(t.Context(), client.ObjectKeyFromObject(there), there) })
	patch := harness.MergePatch(`{"spec":{"displayName":"Khác"}}`)
	if err := admin.Patch(t.Context(), here, patch); err != nil {
		t.Errorf("in the own namespace: %v", err)
	}
	refused(t, "in another namespace", admin.Patch(t.Context(), there, patch), byRemovalPolicy)
}

// TestNobodyHoldsANamespaceBySecrets: what the platform team has no right on, because
// it would read it, takes no finalizer that only break-glass access could take off.
// One that is there stays there, and does not keep the object from being written.
// Fails without the validation of agency-namespace-objects about finalizers.
func TestNobodyHoldsANamespaceBySecrets(t *testing.T) {
	operate(t)
	newAgency(t, "r05")
	people := map[string]client.Client{"an administrator": mallory(t, "r05"), "every right": fullRights(t, "r05")}
	for who, c := range people {
		for _, o := range []client.Object{&corev1.Secret{ObjectMeta: in("r05", "new")}, &corev1.ConfigMap{ObjectMeta: in("r05", "new")}} {
			o.SetFinalizers([]string{"example.org/hold"})
			refused(t, fmt.Sprintf("%s: a new %T", who, o), c.Create(t.Context(), o), byObjectPolicy)
		}
	}
	before := &corev1.Secret{ObjectMeta: in("r05", "before")}
	before.Finalizers = []string{"example.org/earlier"}
	env.Create(t, before)
	c := people["an administrator"]
	refused(t, "one more", c.Patch(t.Context(), before.DeepCopy(), harness.MergePatch(`{"metadata":{"finalizers":["example.org/earlier","example.org/hold"]}}`)), byObjectPolicy)
	for _, patch := range []string{`{"stringData":{"key":"value"}}`, `{"metadata":{"finalizers":null}}`} {
		if err := c.Patch(t.Context(), before.DeepCopy(), harness.MergePatch(patch)); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
}
