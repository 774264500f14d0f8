package agency

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

type groups = []v1alpha1.GroupName

// asking is an agency with personal data, in which a and b have rights, whose
// spec asks for b and c in mai's name.
func asking() Input {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "health", UID: "a-1", Generation: 5}}
	a.Spec.AdminGroups = groups{"c", "b"}
	a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "mai"}
	a.Status.Namespace = names.Namespace("health")
	a.Status.Rights = &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{AdminGroups: groups{"a", "b"}}, Since: metav1.NewTime(at)}
	return Input{Agency: a, PersonalData: "AgencyPortal citizens", Namespace: &corev1.Namespace{}, Now: metav1.NewTime(at.Add(time.Hour))}
}

// observe does with the agency what its status does with a round.
func observe(in Input) Rights {
	r := decideRights(in)
	in.Agency.Status.Rights, in.Agency.Status.PendingRights = &r.Record, r.Pending
	return r
}

func confirmAs(in Input, user, hash string) {
	in.Agency.Generation++
	in.Agency.Spec.RightsChange.ConfirmedBy, in.Agency.Spec.RightsChange.ConfirmedHash = user, hash
}

// TestRightsWaitForASecondPerson: what takes rights away acts at once, what gives
// some waits for another user's confirmation of exactly that.
func TestRightsWaitForASecondPerson(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(Input)
		want   groups
		reason string
	}{
		"nothing confirmed": {func(Input) {}, groups{"b"}, v1alpha1.ReasonConfirmationMissing},
		"confirmed":         {func(in Input) { confirmAs(in, "lan", observe(in).Pending.Hash) }, groups{"b", "c"}, ""},
		"by the same name, encoded otherwise": {func(in Input) {
			in.Agency.Spec.RightsChange.RequestedBy = "tr\u1ea7n"
			confirmAs(in, "tra\u0302\u0300n", observe(in).Pending.Hash)
		}, groups{"b"}, v1alpha1.ReasonSameApprover},
		"by who asks":  {func(in Input) { confirmAs(in, "MAI", observe(in).Pending.Hash) }, groups{"b"}, v1alpha1.ReasonSameApprover},
		"another hash": {func(in Input) { confirmAs(in, "lan", "sha256:0") }, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"nobody asks":  {func(in Input) { in.Agency.Spec.RightsChange = nil }, groups{"b"}, v1alpha1.ReasonRequesterMissing},
		"asked for by another": {func(in Input) {
			confirmAs(in, "lan", observe(in).Pending.Hash)
			in.Agency.Spec.RightsChange.RequestedBy = "an"
		}, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"another change": {func(in Input) {
			confirmAs(in, "lan", observe(in).Pending.Hash)
			in.Agency.Spec.AdminGroups = groups{"b", "d"}
		}, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"more": {func(in Input) {
			confirmAs(in, "lan", observe(in).Pending.Hash)
			in.Agency.Spec.ViewerGroups = groups{"d"}
		}, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"less": {func(in Input) {
			confirmAs(in, "lan", observe(in).Pending.Hash)
			in.Agency.Spec.AdminGroups = groups{"c"}
		}, groups{}, v1alpha1.ReasonConfirmationStale},
		"another agency": {func(in Input) { confirmAs(in, "lan", observe(in).Pending.Hash); in.Agency.UID = "a-2" }, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"another record": {func(in Input) {
			confirmAs(in, "lan", observe(in).Pending.Hash)
			in.Agency.Status.Rights.Since = metav1.NewTime(in.Now.Add(time.Hour))
		}, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"asked for again":        {askedAgain, groups{"b"}, v1alpha1.ReasonConfirmationStale},
		"given, taken and asked": {givenTakenAsked, groups{"b"}, v1alpha1.ReasonConfirmationStale},
	} {
		t.Run(name, func(t *testing.T) {
			in := asking()
			tt.change(in)
			r := observe(in)
			if diff := cmp.Diff(tt.want, r.InForce.AdminGroups); diff != "" {
				t.Errorf("in force (-want +got):\n%s", diff)
			}
			if (tt.reason == "") != (r.Waits == nil) || r.Waits != nil && r.Waits.Reason != tt.reason {
				t.Fatalf("waits: %+v, want %q", r.Waits, tt.reason)
			}
			if r.Waits == nil {
				return
			}
			if got := HashRights(in.Agency.UID, r.Record, *r.Pending); got != r.Pending.Hash {
				t.Errorf("the status stands for %s, and shows %s", got, r.Pending.Hash)
			}
			if !strings.HasPrefix(r.Waits.Message, "spec: rights that wait (") || !strings.Contains(r.Waits.Message, in.PersonalData) {
				t.Errorf("message: %s", r.Waits.Message)
			}
			if again := observe(in); again.Pending.Hash != r.Pending.Hash || again.Changed() {
				t.Errorf("another look: %+v, before %+v", again.Pending, r.Pending)
			}
		})
	}
}

// askedAgain withdraws what is confirmed before it was looked at, and asks again.
func askedAgain(in Input) {
	hash := observe(in).Pending.Hash
	in.Agency.Generation++
	in.Agency.Spec.AdminGroups = groups{"b"}
	observe(in)
	in.Agency.Spec.AdminGroups = groups{"b", "c"}
	confirmAs(in, "lan", hash)
}

// givenTakenAsked goes through all of it within one second.
func givenTakenAsked(in Input) {
	confirmAs(in, "lan", observe(in).Pending.Hash)
	observe(in)
	in.Agency.Spec.AdminGroups = groups{"b"}
	observe(in)
	in.Agency.Spec.AdminGroups = groups{"b", "c"}
}

// TestRightsThatWaitForNobody: additions are free where there is no personal data,
// also while an agency is made, and nowhere else. A status that is lost is no way
// around.
func TestRightsThatWaitForNobody(t *testing.T) {
	bound := rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: AdminBinding, Namespace: names.Namespace("health"), Labels: map[string]string{names.LabelOwnerUID: "a-1"}},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "b"}},
	}
	for name, tt := range map[string]struct {
		change func(*Input)
		want   groups
	}{
		"personal":     {func(*Input) {}, groups{"b"}},
		"not personal": {func(in *Input) { in.PersonalData = "" }, groups{"b", "c"}},
		"new, and an earlier one held personal data": {func(in *Input) { in.Agency.Status, in.Namespace = v1alpha1.AgencyStatus{}, nil }, groups{"b"}},
		"new": {func(in *Input) {
			in.Agency.Status, in.Namespace, in.Bindings, in.PersonalData = v1alpha1.AgencyStatus{}, nil, nil, ""
		}, groups{"b", "c"}},
		"not known":        {func(in *Input) { in.PersonalData, in.HoldRights = "", true }, groups{"b"}},
		"no record":        {func(in *Input) { in.Agency.Status.Rights = nil }, groups{"b"}},
		"no status":        {func(in *Input) { in.Agency.Status = v1alpha1.AgencyStatus{} }, groups{"b"}},
		"no namespace":     {func(in *Input) { in.Namespace = nil }, groups{"b"}},
		"name without it":  {func(in *Input) { in.Agency.Status.Rights, in.Namespace = nil, nil }, groups{"b"}},
		"relabelled later": {func(in *Input) { observe(*in); in.PersonalData = "" }, groups{"b"}},
		"relabelled, and another change": {func(in *Input) {
			observe(*in)
			in.PersonalData, in.Agency.Spec.AdminGroups = "", groups{"b", "d"}
		}, groups{"b", "d"}},
	} {
		in := asking()
		in.Bindings = []rbacv1.RoleBinding{bound}
		tt.change(&in)
		if diff := cmp.Diff(tt.want, decideRights(in).InForce.AdminGroups); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRecordBeforeNamespace: a new agency's namespace is made in the round after
// the one that records who has rights in it, and no other waits for a record.
// Fails without AwaitRights, and when it looks at less than all that a round leaves.
func TestRecordBeforeNamespace(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Input)
		want   bool
	}{
		"new":                {func(*Input) {}, true},
		"recorded":           {func(in *Input) { in.Agency.Status.Rights = &v1alpha1.GrantedRights{} }, false},
		"a namespace":        {func(in *Input) { in.Namespace = &corev1.Namespace{} }, false},
		"had one":            {func(in *Input) { in.Agency.Status.Namespace = "agency-health" }, false},
		"waits for a parent": {func(in *Input) { in.Agency.Spec.ParentRef = &v1alpha1.ParentReference{Name: "none"} }, false},
	} {
		in := asking()
		in.Settings, in.Namespace, in.Agency.Status = settings.Default(), nil, v1alpha1.AgencyStatus{}
		tt.change(&in)
		before := Decide(in)
		out := AwaitRights(in, before)
		if out.Recording != tt.want || tt.want && len(out.Objects) > 0 || !tt.want && len(out.Objects) != len(before.Objects) {
			t.Errorf("%s: recording %t with %d of %d objects, want %t", name, out.Recording, len(out.Objects), len(before.Objects), tt.want)
		}
	}
}

// TestRecordsDiffer: a clock that stands still, or goes back, makes no two records
// alike.
func TestRecordsDiffer(t *testing.T) {
	in := asking()
	in.PersonalData = ""
	for _, back := range []time.Duration{0, 0, time.Hour} {
		before := in.Agency.Status.Rights.Since
		in.Now = metav1.NewTime(in.Now.Add(-back))
		observe(in)
		if !before.Before(&in.Agency.Status.Rights.Since) {
			t.Errorf("the record of %s follows that of %s", in.Agency.Status.Rights.Since, before)
		}
		in.Agency.Spec.AdminGroups = append(in.Agency.Spec.AdminGroups, v1alpha1.GroupName(before.String()))
	}
}
