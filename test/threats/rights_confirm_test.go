package threats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const byAdminsPolicy = "govplatform-agency-admins"

func personal(p *v1alpha1.AgencyPortal) {
	small(p)
	p.Spec.DataClassification = v1alpha1.ClassificationPersonal
}

// personalAgency makes an agency with a portal that holds personal data, and
// waits until it is known.
func personalAgency(t *testing.T, name string) *v1alpha1.Agency {
	t.Helper()
	a := newAgency(t, name, code(name, 1))
	env.Create(t, harness.Portal(name, "citizens", personal))
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
	return a
}

// ask is a patch that adds administrators, in a user's name.
func ask(user string, groups ...string) client.Patch {
	return harness.MergePatch(fmt.Sprintf(`{"spec":{"adminGroups":["%s"],"rightsChange":{"requestedBy":%q}}}`, strings.Join(groups, `","`), user))
}

func confirmation(user, hash string) client.Patch {
	return harness.MergePatch(fmt.Sprintf(`{"spec":{"rightsChange":{"confirmedBy":%q,"confirmedHash":%q}}}`, user, hash))
}

func patched(t *testing.T, c client.Client, a *v1alpha1.Agency, p client.Patch) {
	t.Helper()
	if err := c.Patch(t.Context(), a.DeepCopy(), p); err != nil {
		t.Fatal(err)
	}
}

// pending waits until rights wait for a reason, and returns the hash to confirm.
func pending(t *testing.T, a *v1alpha1.Agency, reason string) string {
	t.Helper()
	harness.Eventually(t, func() error {
		got := harness.Stored(t, env, a)
		if c := conditionOf(got, v1alpha1.ConditionRightsConfirmed); got.Status.ObservedGeneration != got.Generation || c.Reason != reason || got.Status.PendingRights == nil {
			return fmt.Errorf("agency %s at generation %d: %+v, pending %+v", a.Name, got.Generation, c, got.Status.PendingRights)
		}
		// A new namespace is not counted for a moment, which Ready tells first.
		if c := conditionOf(got, v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse || c.Reason != reason {
			return fmt.Errorf("agency %s: Ready is %+v while rights wait", a.Name, c)
		}
		return nil
	})
	return a.Status.PendingRights.Hash
}

func adminsAre(t *testing.T, agency string, want ...string) {
	t.Helper()
	harness.Eventually(t, func() error {
		if got := admins(t, agency); !slices.Equal(got, want) {
			return fmt.Errorf("administrators of %s are %v, want %v", agency, got, want)
		}
		return nil
	})
}

func adminsStay(t *testing.T, agency string, want ...string) {
	t.Helper()
	never(t, time.Second, func() error {
		if got := admins(t, agency); !slices.Equal(got, want) {
			return fmt.Errorf("administrators of %s are %v, want %v", agency, got, want)
		}
		return nil
	})
}

// TestThreat38_SecondPersonForRights is A08 in whole: one of the platform team
// adds an own group to the administrators of an agency with personal data, and
// tries every way to be the second person as well.
func TestThreat38_SecondPersonForRights(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38r")
	alice, upper, bob := team(t, "alice-t38r"), team(t, "ALICE-t38r"), team(t, "bob-t38r")
	refused(t, "add without a name", alice.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"spec":{"adminGroups":["t38r-admins","mallorys"]}}`)), byAdminsPolicy)
	refused(t, "add in another's name", alice.Patch(t.Context(), a.DeepCopy(), ask("bob-t38r", "t38r-admins", "mallorys")), byAdminsPolicy)
	patched(t, alice, a, ask("alice-t38r", "t38r-admins", "mallorys"))
	hash := pending(t, a, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, "t38r", "t38r-admins")
	announced(t, a, "RightsAskedFor", `adminGroups "mallorys"`, "alice-t38r", "AgencyPortal citizens", "kubectl gov confirm-rights t38r")

	t.Run("by the same person", func(t *testing.T) {
		refused(t, "confirm the own request", alice.Patch(t.Context(), a.DeepCopy(), confirmation("alice-t38r", hash)), byAdminsPolicy)
		refused(t, "confirm in another's name", alice.Patch(t.Context(), a.DeepCopy(), confirmation("bob-t38r", hash)), byAdminsPolicy)
		refused(t, "confirm in other letters", upper.Patch(t.Context(), a.DeepCopy(), confirmation("ALICE-t38r", hash)), byAdminsPolicy)
		refused(t, "ask in another's place and confirm", bob.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"spec":{"rightsChange":{"requestedBy":"bob-t38r"}}}`)), byAdminsPolicy)
		refused(t, "forge what is in force", alice.Status().Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"status":{"rights":{"adminGroups":["mallorys"],"since":"2026-01-01T00:00:00Z"}}}`)), "")
		if _, err := cli.PrepareConfirmation(t.Context(), alice, "t38r"); err != nil {
			t.Errorf("whoever asks may look: %v", err)
		}
		// Break-glass access passes admission, and letters still make no other person.
		patched(t, env.Admin, a, confirmation("Alice-T38R", hash))
		pending(t, a, v1alpha1.ReasonSameApprover)
		adminsStay(t, "t38r", "t38r-admins")
	})
	t.Run("what is confirmed is what is there", func(t *testing.T) {
		both := fmt.Sprintf(`{"spec":{"adminGroups":["t38r-admins","mallorys","others"],"rightsChange":{"requestedBy":"bob-t38r","confirmedBy":"bob-t38r","confirmedHash":%q}}}`, hash)
		refused(t, "confirm and change in one write", bob.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(both)), byAdminsPolicy)
		silent := fmt.Sprintf(`{"spec":{"rightsChange":{"requestedBy":null,"confirmedBy":"bob-t38r","confirmedHash":%q}}}`, hash)
		refused(t, "confirm and take the other name out in one write", bob.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(silent)), byAdminsPolicy)
		patched(t, bob, a, confirmation("bob-t38r", "sha256:"+strings.Repeat("0", 64)))
		pending(t, a, v1alpha1.ReasonConfirmationStale)
		// What takes rights away waits for nobody, and the change is another one then.
		patched(t, bob, a, harness.MergePatch(`{"spec":{"viewerGroups":null}}`))
		harness.Eventually(t, func() error {
			if got := harness.Stored(t, env, a); len(got.Status.Rights.ViewerGroups) > 0 || got.Status.PendingRights.Hash == hash {
				return fmt.Errorf("in force %+v, pending %+v", got.Status.Rights, got.Status.PendingRights)
			}
			return nil
		})
		patched(t, bob, a, confirmation("bob-t38r", hash))
		pending(t, a, v1alpha1.ReasonConfirmationStale)
		adminsStay(t, "t38r", "t38r-admins")
	})
	confirmed(t, bob, "t38r")
	adminsAre(t, "t38r", "mallorys", "t38r-admins")
	env.WaitReady(t, a)
	announced(t, a, v1alpha1.ReasonRightsChanged, `Added: adminGroups "mallorys".`, `Asked for by "alice-t38r", confirmed by "bob-t38r".`)
	used := harness.Stored(t, env, a).Spec.RightsChange.ConfirmedHash

	// The same change later is another one, and a confirmation is used up.
	patched(t, alice, a, ask("alice-t38r", "t38r-admins"))
	adminsAre(t, "t38r", "t38r-admins")
	env.WaitReady(t, a)
	patched(t, alice, a, ask("alice-t38r", "t38r-admins", "mallorys"))
	again := pending(t, a, v1alpha1.ReasonConfirmationStale)
	patched(t, alice, a, ask("alice-t38r", "t38r-admins"))
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
	patched(t, bob, a, confirmation("bob-t38r", again))
	patched(t, alice, a, ask("alice-t38r", "t38r-admins", "mallorys"))
	if last := pending(t, a, v1alpha1.ReasonConfirmationStale); last == again || last == used {
		t.Errorf("the same change has the same hash again: %s", last)
	}
	adminsStay(t, "t38r", "t38r-admins")
}

// confirmed confirms what waits with the command that people use.
func confirmed(t *testing.T, c client.Client, agency string) {
	t.Helper()
	harness.Eventually(t, func() error {
		p, err := cli.PrepareConfirmation(t.Context(), c, agency)
		if err != nil {
			return err
		}
		return p.Write(t.Context(), c)
	})
}

// TestThreat38_NobodyRidesOnAnothersRequest: what one adds without a name, or
// withdraws the name from, nobody else comes to ask for with an own change.
func TestThreat38_NobodyRidesOnAnothersRequest(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38s")
	mallory, carol := team(t, "mallory-t38s"), team(t, "carol-t38s")
	patched(t, mallory, a, ask("mallory-t38s", "t38s-admins", "mallorys"))
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	patched(t, mallory, a, harness.MergePatch(`{"spec":{"rightsChange":null}}`))
	pending(t, a, v1alpha1.ReasonRequesterMissing)
	refused(t, "ask for more, and for what waits", carol.Patch(t.Context(), a.DeepCopy(), ask("carol-t38s", "t38s-admins", "mallorys", "others")), byAdminsPolicy)
	patched(t, carol, a, ask("carol-t38s", "t38s-admins", "others"))
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	confirmed(t, mallory, "t38s")
	adminsAre(t, "t38s", "others", "t38s-admins")
}

// TestThreat38_LostStatusGivesNoRights: without its record an agency keeps who
// has rights, and what is added waits all the same.
func TestThreat38_LostStatusGivesNoRights(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38t")
	alice := team(t, "alice-t38t")
	patched(t, alice, a, ask("alice-t38t", "t38t-admins", "mallorys"))
	hash := pending(t, a, v1alpha1.ReasonConfirmationMissing)
	for _, lost := range []string{`{"status":{"rights":null,"pendingRights":null}}`, `{"status":{"rights":null,"pendingRights":null,"namespace":null,"inventory":null,"conditions":null}}`} {
		stopOperator(t)
		if err := env.Admin.Status().Patch(t.Context(), a.DeepCopy(), harness.MergePatch(lost)); err != nil {
			t.Fatal(err)
		}
		patched(t, env.Admin, a, confirmation("bob-t38t", hash))
		operate(t)
		harness.Eventually(t, func() error {
			if got := harness.Stored(t, env, a).Status; got.Rights == nil || got.PendingRights == nil || got.PendingRights.Hash == hash {
				return fmt.Errorf("after %s: rights %+v, pending %+v", lost, got.Rights, got.PendingRights)
			}
			return nil
		})
		adminsStay(t, "t38t", "t38t-admins")
		hash = harness.Stored(t, env, a).Status.PendingRights.Hash
	}
}

// TestThreat38_PersonalInTheDecidingRound: an agency whose data became personal
// before the operator decides is personal, and one whose data became personal
// afterwards keeps what it had.
func TestThreat38_PersonalInTheDecidingRound(t *testing.T) {
	operate(t)
	a := newAgency(t, "t38u", code("t38u", 1))
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNoPersonalData)
	alice := team(t, "alice-t38u")
	patched(t, alice, a, ask("alice-t38u", "early", "t38u-admins"))
	adminsAre(t, "t38u", "early", "t38u-admins")
	env.WaitReady(t, a)
	stopOperator(t)
	portal := harness.Portal("t38u", "citizens", personal)
	env.Create(t, portal)
	patched(t, alice, a, ask("alice-t38u", "early", "mallorys", "t38u-admins"))
	operate(t)
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, "t38u", "early", "t38u-admins")
	// Another label later does not let through what waited.
	env.Merge(t, portal, `{"spec":{"dataClassification":"Internal"}}`)
	touch(t, a)
	adminsStay(t, "t38u", "early", "t38u-admins")
}

// adopting is an Agency made anew over its namespace, for which Alice asks with a
// group that had no rights before.
func adopting(ns *corev1.Namespace) *v1alpha1.Agency {
	name, _ := names.AgencyOf(ns.Name)
	return harness.Agency(name, "", code(name, 1), func(a *v1alpha1.Agency) {
		a.Spec.AdminGroups = []v1alpha1.GroupName{"mallorys", v1alpha1.GroupName(name + "-admins")}
		a.Spec.AdoptNamespace = string(ns.UID)
		a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "alice-" + name}
	})
}

// takesTwo has one person make an adopting agency, whose new group gets no rights
// until another one confirms it.
func takesTwo(t *testing.T, again *v1alpha1.Agency, alice, bob client.Client) {
	t.Helper()
	if err := alice.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = env.Admin.Patch(t.Context(), again, harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`))
		_ = env.Admin.Delete(t.Context(), again)
	})
	pending(t, again, v1alpha1.ReasonConfirmationMissing)
	adminsStay(t, again.Name, again.Name+"-admins")
	confirmed(t, bob, again.Name)
	adminsAre(t, again.Name, "mallorys", again.Name+"-admins")
}

// TestThreat38_AdoptionGivesNoRights: an Agency made anew takes over a namespace
// with personal data and who had rights in it, and nobody else.
func TestThreat38_AdoptionGivesNoRights(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38v")
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace("t38v")}})
	if err := env.Admin.Delete(t.Context(), a.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
	env.Merge(t, a, `{"metadata":{"finalizers":null}}`)
	env.WaitGone(t, a)
	alice, bob := team(t, "alice-t38v"), team(t, "bob-t38v")
	again := adopting(ns)
	refused(t, "make it in another's name", bob.Create(t.Context(), again.DeepCopy()), byAdminsPolicy)
	takesTwo(t, again, alice, bob)
}

// TestThreat38_DeletedDataCounts: who deletes what shows that an agency holds personal
// data gets no right by that. The Secrets of the portals are there still.
func TestThreat38_DeletedDataCounts(t *testing.T) {
	operate(t)
	a := personalAgency(t, "t38del")
	alice, bob := team(t, "alice-t38del"), team(t, "bob-t38del")
	portal := harness.Portal("t38del", "citizens")
	env.Merge(t, portal, `{"metadata":{"finalizers":["example.gov.vn/held","platform.gov.vn/flows"]}}`)
	// By the way of the platform team: the agency's deletion takes its portals along,
	// and is taken back in the middle.
	patched(t, alice, a, harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`))
	if err := alice.Delete(t.Context(), a.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if p := harness.Stored(t, env, portal); p.DeletionTimestamp == nil {
			return errors.New("the portal stays")
		}
		return nil
	})
	patched(t, alice, a, harness.MergePatch(`{"spec":{"deletionPolicy":"Refuse"}}`))
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, a); got.Status.ObservedGeneration != got.Generation {
			return errors.New("the operator has not seen that the deletion is taken back")
		}
		return nil
	})
	env.Merge(t, portal, `{"metadata":{"finalizers":null}}`)
	env.WaitGone(t, portal)
	patched(t, alice, a, ask("alice-t38del", "mallorys", "t38del-admins"))
	never(t, 3*time.Second, func() error {
		admins := harness.Stored(t, env, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace("t38del"), Name: "agency-admins"}})
		for _, s := range admins.Subjects {
			if s.Name == "mallorys" {
				return errors.New("one person gave rights by deleting the data")
			}
		}
		return nil
	})
	// The agency is made anew over its namespace, which holds nothing that shows it.
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace("t38del")}})
	if ns.Annotations[names.AnnotationPersonalData] == "" {
		t.Errorf("the namespace does not record that it held personal data: %v", ns.Annotations)
	}
	env.Merge(t, a, `{"metadata":{"finalizers":null}}`)
	env.WaitGone(t, a)
	again := adopting(ns)
	takesTwo(t, again, alice, bob)
}

// TestThreat38_WhatMakesAnAgencyPersonal: a portal, a data service, a link that
// asks for personal data, and what runs in place of a portal's newest spec.
func TestThreat38_WhatMakesAnAgencyPersonal(t *testing.T) {
	operate(t)
	s := newShared(t, "t38w")
	asks := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.consumer}}
	gives := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
	is := func(a *v1alpha1.Agency, because string) {
		t.Helper()
		harness.Eventually(t, func() error {
			c := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionRightsConfirmed)
			if because == "" && c.Reason == v1alpha1.ReasonNoPersonalData || because != "" && strings.Contains(c.Message, "("+because+")") {
				return nil
			}
			return fmt.Errorf("agency %s: %+v, want %q", a.Name, c, because)
		})
	}
	is(asks, "")
	is(gives, "")
	env.Merge(t, s.service, `{"spec":{"classification":"Personal"}}`)
	is(gives, "DataService data")
	touch(t, asks)
	is(asks, "DataSharingLink "+names.Namespace(s.consumer)+"/link")
	env.Merge(t, s.service, `{"spec":{"classification":"Internal"}}`)
	is(gives, "its namespace did before")

	portal := harness.Portal(s.provider, "gives")
	env.Merge(t, portal, `{"spec":{"dataClassification":"Personal"}}`)
	is(gives, "AgencyPortal gives")
	env.WaitReady(t, portal)
	env.Create(t, harness.Policy("t38w-registry", s.provider, allow(registry)))
	env.Merge(t, portal, `{"spec":{"dataClassification":"Internal","image":"`+evil+`"}}`)
	env.WaitCondition(t, portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
	touch(t, gives)
	never(t, 3*time.Second, func() error {
		if c := conditionOf(harness.Stored(t, env, gives), v1alpha1.ConditionRightsConfirmed); c.Reason != v1alpha1.ReasonNothingWaits {
			return fmt.Errorf("what runs is not counted: %+v", c)
		}
		return nil
	})
}

// TestThreat38_AsManyRightsAsThereCanBe: the API server can judge a change of all
// the names that the schema lets be, as long as they can be and alike up to their ends.
func TestThreat38_AsManyRightsAsThereCanBe(t *testing.T) {
	operate(t)
	rights := func(mark string) *v1alpha1.AgencyRights {
		var r v1alpha1.AgencyRights
		for i := range 16 {
			name := v1alpha1.GroupName(strings.Repeat("x", 250) + fmt.Sprintf("%s%02d", mark, i))
			r.AdminGroups, r.ViewerGroups = append(r.AdminGroups, name), append(r.ViewerGroups, name)
		}
		for i := range 8 {
			r.AdminServiceAccounts = append(r.AdminServiceAccounts, v1alpha1.ServiceAccountReference{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("a", 250) + fmt.Sprintf("%s%02d", mark, i)})
		}
		return &r
	}
	a := newAgency(t, "t38x", code("t38x", 1), func(a *v1alpha1.Agency) {
		r := rights("a")
		a.Spec.AdminGroups, a.Spec.AdminServiceAccounts, a.Spec.ViewerGroups = r.AdminGroups, r.AdminServiceAccounts, r.ViewerGroups
	})
	env.Create(t, harness.Portal("t38x", "citizens", personal))
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
	alice, bob := team(t, "alice-t38x"), team(t, "bob-t38x")
	change := func(mark, user string) client.Patch {
		next := harness.Stored(t, env, a).DeepCopy()
		r := rights(mark)
		next.Spec.AdminGroups, next.Spec.AdminServiceAccounts, next.Spec.ViewerGroups = r.AdminGroups, r.AdminServiceAccounts, r.ViewerGroups
		next.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: user}
		data, err := client.MergeFrom(a).Data(next)
		if err != nil {
			t.Fatal(err)
		}
		return harness.MergePatch(string(data))
	}
	patched(t, alice, a, change("b", "alice-t38x"))
	pending(t, a, v1alpha1.ReasonConfirmationMissing)
	refused(t, "add in another's name", bob.Patch(t.Context(), a.DeepCopy(), change("c", "alice-t38x")), byAdminsPolicy)
	confirmed(t, bob, "t38x")
	env.WaitReady(t, a)
}
