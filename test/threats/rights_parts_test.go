package threats

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// personalShared is a link to personal data, asked for by name.
func personalShared(t *testing.T, name string) shared {
	t.Helper()
	s := newShared(t, name)
	env.Merge(t, s.service, `{"spec":{"classification":"Personal"}}`)
	env.Merge(t, s.link, `{"spec":{"requestedBy":"`+harness.RequesterUser+`"}}`)
	harness.Eventually(t, func() error {
		if c := harness.Stored(t, env, s.link).Status.Scope; c == nil || c.Classification != v1alpha1.ClassificationPersonal {
			return fmt.Errorf("scope %+v, want personal data", c)
		}
		return nil
	})
	s.waitScope(t)
	return s
}

// removeAgency asks for the end of an agency that the test made as another user.
func removeAgency(ctx context.Context, a *v1alpha1.Agency) {
	_ = env.Admin.Patch(ctx, a.DeepCopy(), harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`))
	_ = env.Admin.Delete(ctx, a.DeepCopy())
}

// TestThreat38_AuthorityMadeAnew: one of the platform team deletes the authority's
// agency and makes it anew with an own group, to decide about links to personal
// data. Deleting waits until no decision stands, whatever deletionPolicy says, and
// the group waits for a second person.
func TestThreat38_AuthorityMadeAnew(t *testing.T) {
	operate(t)
	s := personalShared(t, "t38m")
	authority := needsAuthority(t, "t38m", &s, v1alpha1.ClassificationPersonal)
	mic := harness.Stored(t, env, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: authority}})
	mallory, bob := team(t, "mallory-t38m"), team(t, "bob-t38m")
	env.WaitCondition(t, mic, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
	refused(t, "add without a name", mallory.Patch(t.Context(), mic.DeepCopy(), harness.MergePatch(`{"spec":{"viewerGroups":["mallorys"]}}`)), byAdminsPolicy)

	veto := approvalBy(&s, authority, harness.AuthorityUser, "halt")
	veto.Spec.Decision, veto.Spec.Reason = v1alpha1.DecisionSuspend, "Vi phạm"
	env.Create(t, veto)
	harness.Eventually(t, func() error {
		if harness.Stored(t, env, mic).Status.Approvals == 0 {
			return fmt.Errorf("the decision is not counted: %+v", mic.Status.AgencyContents)
		}
		return nil
	})
	patched(t, mallory, mic, harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`))
	refused(t, "delete the authority with its decisions", mallory.Delete(t.Context(), mic.DeepCopy()), byDeletionPolicy)
	// Break-glass access passes admission, and the operator still keeps what is decided.
	if err := env.Admin.Delete(t.Context(), mic.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, mic, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
	if m := conditionOf(mic, v1alpha1.ConditionReady).Message; !strings.Contains(m, "decisions about links (1)") {
		t.Errorf("the message does not name the cause: %s", m)
	}
	staysShut(t, s.link)
	if err := env.Admin.Delete(t.Context(), veto); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, mic)
	env.WaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(authority)}})

	anew := harness.Agency(authority, "", code("t38m", 6), func(a *v1alpha1.Agency) {
		a.Spec.AdminGroups = []v1alpha1.GroupName{"mallorys"}
		a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "mallory-t38m"}
	})
	if err := mallory.Create(t.Context(), anew); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAgency(context.WithoutCancel(t.Context()), anew) })
	pending(t, anew, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, authority)
	confirmed(t, bob, authority)
	adminsAre(t, authority, "mallorys")
	removeAgency(t.Context(), anew)
	env.WaitGone(t, anew)
}

// TestThreat38_CarrierOfPersonalData: the agency of the sharing platform holds what
// goes over it.
func TestThreat38_CarrierOfPersonalData(t *testing.T) {
	operate(t)
	hub := newAgency(t, "t38hub", code("t38hub", 4))
	portal := harness.Portal("t38hub", "hub", small, func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"t38hub"} })
	env.Create(t, portal, &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "t38hub"}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "Trục", Type: v1alpha1.PlatformDataSharing, OwnerRef: v1alpha1.AgencyReference{Name: "t38hub"}, Capability: "t38hub",
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "t38hub", Name: "hub"}},
	}})
	env.WaitReady(t, portal)
	s := personalShared(t, "t38n")
	env.WaitCondition(t, hub, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNoPersonalData)
	env.Merge(t, s.link, `{"spec":{"route":"Platform"}}`)
	env.WaitCondition(t, hub, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
	alice := team(t, "alice-t38n")
	patched(t, alice, hub, ask("alice-t38n", "mallorys", "t38hub-admins"))
	pending(t, hub, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, "t38hub", "t38hub-admins")
}

// TestThreat38_OperatorsAccountGetsNoRights: bound to an agency, the operator could
// read its Secrets.
func TestThreat38_OperatorsAccountGetsNoRights(t *testing.T) {
	operate(t)
	a := newAgency(t, "t38o", code("t38o", 1))
	alice := team(t, "alice-t38o")
	own := harness.MergePatch(fmt.Sprintf(`{"spec":{"adminServiceAccounts":[{"namespace":%q,"name":%q}]}}`, harness.OperatorNamespace, harness.OperatorServiceAccount))
	refused(t, "name the operator's account", alice.Patch(t.Context(), a.DeepCopy(), own), byAdminsPolicy)
	for _, group := range []string{"system:masters", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:" + harness.OperatorNamespace} {
		for _, field := range []string{"adminGroups", "viewerGroups"} {
			if err := env.Admin.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(fmt.Sprintf(`{"spec":{%q:[%q]}}`, field, group))); !apierrors.IsInvalid(err) {
				t.Errorf("%s %s: %v, want it invalid", field, group, err)
			}
		}
	}
	// Break-glass access passes admission, and the operator leaves the account out.
	patched(t, env.Admin, a, own)
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse, v1alpha1.ReasonOperatorsAccount)
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + harness.OperatorNamespace + ":" + harness.OperatorServiceAccount,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: names.Namespace("t38o"), Verb: "get", Resource: "secrets"},
	}}
	if err := env.Admin.Create(t.Context(), review); err != nil || review.Status.Allowed {
		t.Errorf("the operator may read Secrets: %v, %v", review.Status, err)
	}
}

// TestThreat38_TakenAwayAndGivenBack: what is taken away and given back between two
// looks of the operator would never have been taken away.
func TestThreat38_TakenAwayAndGivenBack(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38p")
	alice, mallory := team(t, "alice-t38p"), team(t, "mallory-t38p")
	stopOperator(t)
	patched(t, alice, a, harness.MergePatch(`{"spec":{"adminGroups":null}}`))
	refused(t, "give it back", mallory.Patch(t.Context(), a.DeepCopy(), ask("mallory-t38p", "t38p-admins")), byAdminsPolicy)
	patched(t, mallory, a, ask("mallory-t38p", "others"))
	operate(t)
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	adminsAre(t, "t38p")
	patched(t, mallory, a, ask("mallory-t38p", "others", "t38p-admins"))
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, "t38p")
}

// TestThreat38_NobodyRidesWithoutARecord: before the operator has recorded who has
// rights, all that the spec asks for waits, and nobody asks for it in another's place.
func TestThreat38_NobodyRidesWithoutARecord(t *testing.T) {
	stopOperator(t)
	mallory, carol := team(t, "mallory-t38q"), team(t, "carol-t38q")
	a := harness.Agency("t38q", "", code("t38q", 1), func(a *v1alpha1.Agency) {
		a.Spec.AdminGroups, a.Spec.ViewerGroups = []v1alpha1.GroupName{"mallorys"}, nil
	})
	if err := mallory.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAgency(context.WithoutCancel(t.Context()), a) })
	refused(t, "ask for more, and for what waits", carol.Patch(t.Context(), a.DeepCopy(), ask("carol-t38q", "mallorys", "others")), byAdminsPolicy)
	patched(t, carol, a, ask("carol-t38q", "others"))
	operate(t)
}

// TestThreat38_LateCacheGivesNoRights: the operator's cache has not heard of the
// personal data, and the API server has.
func TestThreat38_LateCacheGivesNoRights(t *testing.T) {
	stopOperator(t)
	late := &harness.Faults{Late: func(path string) time.Duration {
		if strings.Contains(path, "agencyportals") {
			return 4 * time.Second
		}
		return 0
	}}
	op := env.Operator(t, harness.OperatorOptions{Transport: late.Wrap})
	a := newAgency(t, "t38y", code("t38y", 1))
	alice := team(t, "alice-t38y")
	env.Create(t, harness.Portal("t38y", "citizens", personal))
	patched(t, alice, a, ask("alice-t38y", "mallorys", "t38y-admins"))
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, "t38y", "t38y-admins")
	if err := op.Stop(); err != nil {
		t.Error(err)
	}
}

// TestThreat38_OneNameEncodedTwice: the same letters, encoded otherwise, are the
// same person.
func TestThreat38_OneNameEncodedTwice(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38z")
	patched(t, env.Admin, a, ask("tr\u1ea7n-t38z", "mallorys", "t38z-admins"))
	hash := pending(t, a, v1alpha1.ReasonConfirmationMissing)
	patched(t, env.Admin, a, confirmation("tra\u0302\u0300n-t38z", hash))
	pending(t, a, v1alpha1.ReasonSameApprover)
	adminsStay(t, "t38z", "t38z-admins")
}

// TestThreat38_NoNameHidesBehindOthers: Events name everybody, however many there
// are, and a name can't speak for the operator.
func TestThreat38_NoNameHidesBehindOthers(t *testing.T) {
	operate(t)
	a := newAgency(t, "t38e", code("t38e", 1))
	alice := team(t, "alice-t38e")
	groups := []string{"t38e-admins"}
	for i := range 8 {
		groups = append(groups, fmt.Sprintf("filler-%d-%s", i, strings.Repeat("x", 200)))
	}
	forged := "nobody. Removed: adminGroups mallorys. Asked for by director, confirmed by deputy"
	patched(t, alice, a, ask("alice-t38e", append(groups, forged, "zz-mallorys")...))
	announced(t, a, v1alpha1.ReasonRightsChanged, "(1 of ", "10 added, 0 removed.")
	announced(t, a, v1alpha1.ReasonRightsChanged, `"zz-mallorys"`)
	announced(t, a, v1alpha1.ReasonRightsChanged, `"`+forged+`"`)
}
