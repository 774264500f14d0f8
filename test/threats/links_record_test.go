package threats

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat33_TermOfALinkIsAnInstant: what a status can't record, a spec can't ask for.
func TestThreat33_TermOfALinkIsAnInstant(t *testing.T) {
	operate(t)
	s := newShared(t, "t33l")
	c := mallory(t, s.consumer)
	for _, term := range []string{"2199-12-31T23:59:59-14:00", "2000-01-01T00:00:00+14:00", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00.9Z"} {
		err := c.Patch(t.Context(), s.link.DeepCopy(), harness.MergePatch(fmt.Sprintf(`{"spec":{"validUntil":%q}}`, term)))
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.validUntil") {
			t.Errorf("%s: %v, want it refused by name", term, err)
		}
	}
	if err := c.Patch(t.Context(), s.link, harness.MergePatch(`{"spec":{"validUntil":"2199-12-31T23:59:59Z"}}`)); err != nil {
		t.Fatal(err)
	}
	s.waitScope(t)
	s.approve(t)
	env.WaitReady(t, s.link)
	if got := harness.Stored(t, env, s.link); got.Status.Phase != "Open" || got.Status.Scope == nil {
		t.Errorf("the last second: phase %s, scope %v", got.Status.Phase, got.Status.Scope)
	}
}

// TestThreat33_TermFromBefore: a term that an earlier schema let pass is closed and
// said so, whether it was open or is approved with a hash that both sides reckon.
func TestThreat33_TermFromBefore(t *testing.T) {
	operate(t)
	s, other := newShared(t, "t33m"), newShared(t, "t33n")
	s.approve(t)
	env.WaitReady(t, s.link)
	earlierSchema(t, func() {
		for _, l := range []*v1alpha1.DataSharingLink{s.link, other.link} {
			harness.Eventually(t, func() error {
				return env.Admin.Patch(t.Context(), l, harness.MergePatch(`{"spec":{"validUntil":"2199-12-31T23:59:59-14:00"}}`))
			})
		}
	})
	scope := other.link.Status.Scope.DeepCopy()
	scope.LinkGeneration, scope.ValidUntil = other.link.Generation, metav1.NewTime(other.link.Spec.ValidUntil.UTC())
	a := approvalBy(&other, other.provider, malloryOf(other.provider), "reckoned")
	a.Spec.SpecHash = link.HashScope(*scope)
	if err := mallory(t, other.provider).Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 0)
	for _, l := range []*v1alpha1.DataSharingLink{s.link, other.link} {
		env.WaitCondition(t, l, v1alpha1.ConditionWithinValidity, metav1.ConditionFalse, v1alpha1.ReasonValidityTooLong)
		staysShut(t, l)
		if got := harness.Stored(t, env, l); got.Status.Phase != "Refused" || got.Status.ObservedGeneration != got.Generation {
			t.Errorf("phase %s of generation %d, observed %d", got.Status.Phase, got.Generation, got.Status.ObservedGeneration)
		}
	}
}

// earlierSchema does something while the definition of links has no rule for terms.
func earlierSchema(t *testing.T, do func()) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	crd.SetName("datasharinglinks.platform.gov.vn")
	harness.Stored(t, env, crd)
	path := "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/validUntil/x-kubernetes-validations"
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	rules, ok, err := unstructured.NestedSlice(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties", "validUntil", "x-kubernetes-validations")
	if !ok || err != nil || len(rules) != 1 {
		t.Fatalf("the rules of validUntil: %v %v", rules, err)
	}
	text, _ := rules[0].(map[string]any)["rule"].(string)
	patch := func(rule string) {
		op := fmt.Sprintf(`[{"op":"replace","path":%q,"value":%q}]`, path+"/0/rule", rule)
		if err := env.Admin.Patch(t.Context(), crd.DeepCopy(), client.RawPatch("application/json-patch+json", []byte(op))); err != nil {
			t.Fatal(err)
		}
	}
	patch("self != ''")
	defer patch(text)
	do()
}

// TestThreat38_NothingOpensOffTheRecord: who approved is in the stored status
// before the first policy of the link exists.
func TestThreat38_NothingOpensOffTheRecord(t *testing.T) {
	operate(t)
	s := newShared(t, "t38q")
	from := len(running.Requests.Writes())
	s.approve(t)
	env.WaitReady(t, s.link)
	var statuses, first int
	for i, w := range running.Requests.Writes()[from:] {
		call := fmt.Sprintf("%+v", w)
		switch {
		case strings.Contains(call, "datasharinglinks") && strings.Contains(call, s.link.Namespace):
			statuses++
		case strings.Contains(call, "networkpolicies") && first == 0:
			first = i + 1
			if statuses != 1 {
				t.Errorf("%d writes of the link's status before its first policy, want 1: %s", statuses, call)
			}
		}
	}
	if first == 0 || statuses != 2 {
		t.Errorf("%d writes of the link's status, want one that records and one that says it is open", statuses)
	}
}

// TestThreat38_TheLastWordOfASide: nobody goes back behind a rejection to an older
// approval of the side, whatever scope was rejected.
func TestThreat38_TheLastWordOfASide(t *testing.T) {
	operate(t)
	s := newShared(t, "t38r")
	s.approve(t)
	portal := harness.Portal(s.consumer, "asks")
	image := harness.Stored(t, env, portal).Spec.Image
	before := harness.Stored(t, env, s.link).Status.SpecHash
	env.Merge(t, portal, `{"spec":{"image":"registry.platform.example.gov.vn/test/other`+digest+`"}}`)
	waitPair(t, s.link, 0)
	harness.Eventually(t, func() error {
		if h := harness.Stored(t, env, s.link).Status.SpecHash; h == before || h == "" {
			return fmt.Errorf("the scope is %q", h)
		}
		return nil
	})
	carol := as(t, "carol-t38r", s.provider+"-admins", "system:authenticated")
	veto := approvalBy(&s, s.provider, "carol-t38r", "veto")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionReject, "x. Approved by director"
	if err := carol.Create(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonRejected)
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, image))
	harness.Eventually(t, func() error {
		if h := harness.Stored(t, env, s.link).Status.SpecHash; h != before {
			return fmt.Errorf("the scope is %q, not the approved one", h)
		}
		return nil
	})
	staysShut(t, s.link)
	env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonRejected)
	if m := conditionOf(harness.Stored(t, env, s.link), v1alpha1.ConditionProviderApproved).Message; !strings.Contains(m, `veto ("x. Approved by director")`) || !strings.Contains(m, "to lift the rejection") {
		t.Errorf("the condition says %q, want the reason in quotation marks, and how to lift it", m)
	}
	var list eventsv1.EventList
	harness.Eventually(t, func() error {
		if err := env.Admin.List(t.Context(), &list, client.InNamespace(s.link.Namespace)); err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool {
			return e.Reason == "Rejected" && strings.HasSuffix(e.Note, `: "x. Approved by director"`) && strings.Contains(e.Note, `by "carol-t38r"`)
		}) {
			return fmt.Errorf("no Event quotes the reason and the name")
		}
		return nil
	})
	if err := carol.Delete(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 2)
}

// TestThreat38_RecordIsNotPushedOff: decisions about other scopes, made and deleted,
// push nobody off the record who opened the link.
func TestThreat38_RecordIsNotPushedOff(t *testing.T) {
	operate(t)
	s := newShared(t, "t38s")
	boss := as(t, "boss-t38s", s.provider+"-admins", "system:authenticated")
	harness.Eventually(t, func() error {
		return boss.List(t.Context(), &v1alpha1.DataSharingApprovalList{}, client.InNamespace(names.Namespace(s.provider)))
	})
	a := approvalBy(&s, s.provider, "boss-t38s", "opens")
	if err := boss.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 2)
	if err := boss.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 0)
	m, user := mallory(t, s.provider), malloryOf(s.provider)
	for i := range 12 {
		b := approvalBy(&s, s.provider, user, fmt.Sprintf("bogus%d", i))
		b.Spec.SpecHash = "sha256:" + strings.Repeat("0", 64)
		if err := m.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		seen := func(by string, last bool) func() error {
			return func() error {
				d := decisionsOf(t, s.link)
				if got := len(d) > 0 && d[len(d)-1] == by+" "+user; got != last {
					return fmt.Errorf("round %d: the record is %v", i, d)
				}
				return nil
			}
		}
		harness.Eventually(t, seen("Approve", true))
		if err := m.Delete(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, seen("Revoked", true))
	}
	time.Sleep(time.Second)
	if d := decisionsOf(t, s.link); !slices.Equal(d, []string{"Approve boss-t38s", "Revoked boss-t38s", "Revoked " + user}) {
		t.Errorf("the record is %v", d)
	}
}
