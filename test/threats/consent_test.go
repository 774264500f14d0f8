package threats

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// approvalBy is an approval of the link's present scope in a user's name.
func approvalBy(s *shared, agency, user, name string) *v1alpha1.DataSharingApproval {
	a := harness.Approval(agency, s.link, v1alpha1.DecisionApprove)
	a.Name, a.Spec.Approver = name, user
	return a
}

// TestThreat38_WhoAsksDoesNotApprove: a user with rights on both sides asks or
// approves, and never both; nobody asks in another's name. To close stays free.
func TestThreat38_WhoAsksDoesNotApprove(t *testing.T) {
	operate(t)
	s := newShared(t, "t38a")
	both := as(t, "mallory", s.consumer+"-admins", s.provider+"-admins", "system:authenticated")
	a := approvalBy(&s, s.provider, "mallory", "own")
	harness.Eventually(t, func() error { // The agency's bindings.
		return both.List(t.Context(), &v1alpha1.DataSharingApprovalList{}, client.InNamespace(names.Namespace(s.provider)))
	})
	refused(t, "approve the own request", both.Create(t.Context(), a), byApproverPolicy)
	absent(t, a)
	reject := approvalBy(&s, s.provider, "mallory", "own")
	reject.Spec.Decision = v1alpha1.DecisionReject
	if err := both.Create(t.Context(), reject); err != nil {
		t.Fatalf("to reject stays free: %v", err)
	}
	refused(t, "turn the rejection into an approval", both.Patch(t.Context(), reject.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Approve"}}`)), byApproverPolicy)
	staysShut(t, s.link)

	t.Run("in another's name", func(t *testing.T) {
		l := harness.Link(s.consumer, "other", "asks", s.provider, "data", func(l *v1alpha1.DataSharingLink) { l.Spec.RequestedBy = "somebody" })
		refused(t, "ask in another's name", mallory(t, s.consumer).Create(t.Context(), l), "govplatform-sharing-requester")
		absent(t, l)
		l.Spec.RequestedBy = malloryOf(s.consumer)
		if err := mallory(t, s.consumer).Create(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		colleague := as(t, "colleague", s.consumer+"-admins", "system:authenticated")
		refused(t, "change a colleague's request under the colleague's name", colleague.Patch(t.Context(), l.DeepCopy(), harness.MergePatch(`{"spec":{"purpose":"Khác"}}`)), "govplatform-sharing-requester")
		if err := colleague.Patch(t.Context(), l.DeepCopy(), harness.MergePatch(`{"metadata":{"labels":{"a":"b"}}}`)); err != nil {
			t.Errorf("labels ask for nothing: %v", err)
		}
		if err := colleague.Patch(t.Context(), l, harness.MergePatch(`{"spec":{"purpose":"Khác","requestedBy":"colleague"}}`)); err != nil {
			t.Errorf("under the own name: %v", err)
		}
	})
}

// newAuthority makes the authority's agency. There can be links to personal data of
// other tests, so its rights can need a second person.
func newAuthority(t *testing.T, name string) *v1alpha1.Agency {
	t.Helper()
	a := harness.Agency(settings.Default().AuthorityAgency, "", code(name, 6))
	env.WaitGone(t, a.DeepCopy())
	env.CreateConfirmed(t, a)
	return a
}

// needsAuthority makes the authority's agency and has it asked for the link.
func needsAuthority(t *testing.T, name string, s *shared, class v1alpha1.DataClassification) string {
	t.Helper()
	authority := settings.Default().AuthorityAgency
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: authority}, &v1alpha1.Agency{}); err != nil {
		newAuthority(t, name)
	}
	env.Create(t, harness.Policy("authority-"+name, s.provider, func(p *v1alpha1.SecurityPolicy) {
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{RequireAuthorityApprovalFor: []v1alpha1.DataClassification{class}}
	}))
	env.WaitCondition(t, s.link, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	return authority
}

// TestThreat38_OnePersonForTwoSides: break-glass access passes the API server,
// and still one user does not speak for both sides.
func TestThreat38_OnePersonForTwoSides(t *testing.T) {
	operate(t)
	s := newShared(t, "t38b")
	authority := needsAuthority(t, "t38b", &s, v1alpha1.ClassificationInternal)
	env.Create(t, approvalBy(&s, s.provider, harness.AdminUser, "provider"), approvalBy(&s, authority, harness.AdminUser, "central"))
	env.WaitCondition(t, s.link, v1alpha1.ConditionAuthorityApproved, metav1.ConditionFalse, v1alpha1.ReasonSameApprover)
	staysShut(t, s.link)
	env.Create(t, approvalBy(&s, authority, harness.AuthorityUser, "colleague"))
	waitPair(t, s.link, 2)
}

// TestThreat38_DecisionsStayOnRecord: the approval goes, and who gave it stays
// on the link; Events on both sides tell what happened, once.
func TestThreat38_DecisionsStayOnRecord(t *testing.T) {
	op := operate(t)
	s := newShared(t, "t38c")
	a := s.approve(t)
	if err := env.Admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	waitPair(t, s.link, 0)
	harness.Eventually(t, func() error {
		var got []string
		for _, d := range harness.Stored(t, env, s.link).Status.Decisions {
			got = append(got, string(d.Side)+" "+d.Decision+" "+d.Approver)
		}
		if want := []string{"Provider Approve " + harness.AdminUser, "Provider Revoked " + harness.AdminUser}; !slices.Equal(got, want) {
			return fmt.Errorf("record %v, want %v", got, want)
		}
		return nil
	})
	want := map[string][]string{
		s.link.Namespace: {"Approved", "Closed", "Opened", "Requested", "Revoked"}, names.Namespace(s.provider): {"Approved", "Revoked"},
	}
	check := func() error {
		for namespace, reasons := range want {
			var list eventsv1.EventList
			if err := env.Admin.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
				return err
			}
			var got []string
			for _, e := range list.Items {
				if slices.Contains([]string{"Request", "Decide", "Open", "Close"}, e.Action) {
					got = append(got, e.Reason)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, reasons) {
				return fmt.Errorf("events in %s: %v, want %v", namespace, got, reasons)
			}
		}
		return nil
	}
	harness.Eventually(t, check)
	env.Merge(t, s.link, `{"metadata":{"annotations":{"example.org/touched":"1"}}}`)
	op.WaitQuiet(t, harness.Timeout/20)
	if err := check(); err != nil {
		t.Errorf("after another look: %v", err)
	}
}

// TestThreat39_WeakerLabel: a service labelled Public on a portal with personal
// data is asked for like personal data.
func TestThreat39_WeakerLabel(t *testing.T) {
	operate(t)
	s := newShared(t, "t39")
	s.approve(t)
	env.Merge(t, harness.Portal(s.provider, "gives"), `{"spec":{"dataClassification":"Personal"}}`)
	waitPair(t, s.link, 0)
	env.WaitCondition(t, s.link, v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, v1alpha1.ReasonRequesterMissing)
	env.Merge(t, s.service, `{"spec":{"classification":"Public"}}`)
	env.Merge(t, s.link, `{"spec":{"requestedBy":"`+harness.RequesterUser+`"}}`)
	env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
	if c := harness.Stored(t, env, s.link).Status.Scope; c == nil || c.Classification != v1alpha1.ClassificationPersonal {
		t.Errorf("scope %+v, want personal data", c)
	}
	needsAuthority(t, "t39", &s, v1alpha1.ClassificationPersonal)
	staysShut(t, s.link)
}

// TestThreat39_WeakerPortal: the same dataset is on another portal of the agency,
// which holds personal data. What is asked for at the weaker one is personal too.
func TestThreat39_WeakerPortal(t *testing.T) {
	operate(t)
	s := newShared(t, "t39p")
	s.approve(t)
	strict := harness.Portal(s.provider, "strict", small)
	same := harness.Service(s.provider, "same", "strict", func(d *v1alpha1.DataService) { d.Spec.Dataset = s.service.Spec.Dataset })
	env.Create(t, strict, same)
	env.WaitReady(t, strict)
	env.Merge(t, strict, `{"spec":{"dataClassification":"Personal"}}`)
	waitPair(t, s.link, 0)
	env.Merge(t, s.link, `{"spec":{"requestedBy":"`+harness.RequesterUser+`"}}`)
	harness.Eventually(t, func() error {
		if c := harness.Stored(t, env, s.link).Status.Scope; c == nil || c.Classification != v1alpha1.ClassificationPersonal {
			return fmt.Errorf("scope %+v, want personal data", c)
		}
		return nil
	})
	staysShut(t, s.link)
}

// TestThreat43_BaitAndSwitch: changed and changed back, made anew, or another
// program behind an end: each is another scope.
func TestThreat43_BaitAndSwitch(t *testing.T) {
	operate(t)
	s := newShared(t, "t43")
	approval := s.approve(t)
	again := func() {
		t.Helper()
		env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
		staysShut(t, s.link)
		s.waitScope(t)
		env.Merge(t, approval, fmt.Sprintf(`{"spec":{"specHash":%q}}`, s.link.Status.SpecHash))
		waitPair(t, s.link, 2)
	}
	purpose := s.link.Spec.Purpose
	env.Merge(t, s.link, `{"spec":{"purpose":"Khác"}}`)
	env.Merge(t, s.link, fmt.Sprintf(`{"spec":{"purpose":%q}}`, purpose))
	waitPair(t, s.link, 0)
	again()
	portal := harness.Portal(s.consumer, "asks")
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, strings.Replace(harness.Image, "@sha256:1", ":v2@sha256:2", 1)))
	env.WaitReady(t, portal)
	if got := len(pairOf(t, s.link)); got != 2 {
		t.Errorf("a new release closes the link: %d policies", got)
	}
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, strings.Replace(harness.Image, "/portal", "/scraper", 1)))
	waitPair(t, s.link, 0)
	again()
}
