package link

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

type Scope = v1alpha1.LinkScope

func scopeEnd(agency v1alpha1.AgencyName, name string, uid types.UID) v1alpha1.LinkScopeEnd {
	return v1alpha1.LinkScopeEnd{Agency: agency, Name: name, UID: uid, Exposure: v1alpha1.ExposureInternal, SecurityLevel: 3,
		DataClassification: v1alpha1.ClassificationInternal, Image: "registry.example.gov.vn/" + name}
}

func fullScope() Scope {
	via := scopeEnd("c", "axis", "4")
	return Scope{
		LinkUID: "5", LinkGeneration: 2, RequestedBy: "who",
		Consumer: scopeEnd("a", "asks", "1"), Provider: scopeEnd("b", "serves", "2"), Service: v1alpha1.LinkScopeService{Agency: "b", Name: "data", UID: "3"},
		Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/v1/*"}, {Name: "list", Method: "GET", Path: "/v1"}},
		Port:       8080, Classification: v1alpha1.ClassificationPersonal, Purpose: "p", LegalBasis: "l", ValidUntil: metav1.NewTime(time.Unix(1800000000, 0)), RequestsPerSecond: 5,
		Route: v1alpha1.RoutePlatform, Via: &via,
	}
}

// TestHashGolden: an approval outlives releases, so its hash may not change
// with them.
func TestHashGolden(t *testing.T) {
	const want = "sha256:3f56aee605d219cd66dcc39ca48fa94d0669d0c23f370080ec81050ad0924abf"
	if got := HashScope(fullScope()); got != want {
		t.Errorf("hash = %s, want %s: every approval that exists would be stale", got, want)
	}
}

// TestHashCoversEveryField changes one leaf of the scope after the other, also
// of fields that are added later, and sees the hash change.
func TestHashCoversEveryField(t *testing.T) {
	seen := map[string]string{HashScope(fullScope()): "nothing"}
	leaves := 0
	n := len(leavesOf(reflect.ValueOf(ptr.To(fullScope())).Elem(), "scope"))
	for i := range n {
		s := fullScope()
		s.Operations = slices.Clone(s.Operations)
		s.Via = ptr.To(*s.Via)
		leaf := leavesOf(reflect.ValueOf(&s).Elem(), "scope")[i]
		switch leaf.value.Kind() {
		case reflect.String:
			leaf.value.SetString(leaf.value.String() + "x")
		case reflect.Int32, reflect.Int64:
			leaf.value.SetInt(leaf.value.Int() + 1)
		case reflect.Struct:
			leaf.value.Set(reflect.ValueOf(metav1.NewTime(time.Unix(1900000000, 0))))
		default:
			t.Fatalf("%s is a %s: teach the test to change it", leaf.path, leaf.value.Kind())
		}
		leaves++
		if other, ok := seen[HashScope(s)]; ok {
			t.Errorf("a change of %s hashes like a change of %s", leaf.path, other)
		}
		seen[HashScope(s)] = leaf.path
	}
	if leaves < 20 {
		t.Errorf("only %d fields were changed", leaves)
	}
	for name, change := range map[string]func(*Scope){
		"an operation more":  func(s *Scope) { s.Operations = append(slices.Clone(s.Operations), v1alpha1.Operation{Name: "erase"}) },
		"an operation less":  func(s *Scope) { s.Operations = s.Operations[:1] },
		"no platform":        func(s *Scope) { s.Via = nil },
		"ends change places": func(s *Scope) { s.Consumer, s.Provider = s.Provider, s.Consumer },
		"text moves over":    func(s *Scope) { s.Purpose, s.LegalBasis = "pl", "" },
	} {
		s := fullScope()
		change(&s)
		if other, ok := seen[HashScope(s)]; ok {
			t.Errorf("%s hashes like %s", name, other)
		}
		seen[HashScope(s)] = name
	}
}

type leaf struct {
	path  string
	value reflect.Value
}

func leavesOf(v reflect.Value, path string) []leaf {
	switch v.Kind() {
	case reflect.Pointer:
		return leavesOf(v.Elem(), path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[metav1.Time]() {
			return []leaf{{path, v}}
		}
		var out []leaf
		for i := range v.NumField() {
			out = append(out, leavesOf(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
		return out
	case reflect.Slice:
		var out []leaf
		for i := range v.Len() {
			out = append(out, leavesOf(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return out
	default:
		return []leaf{{path, v}}
	}
}

// TestHashIgnoresHowTextIsWritten: macOS writes accents apart (NFD), others
// composed (NFC), and editors leave a space at the end; what people read and
// approved is the same. Without text.Normalise in Hash every line fails.
func TestHashIgnoresHowTextIsWritten(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"apart":    norm.NFD.String,
		"space":    func(s string) string { return s + " " },
		"two":      func(s string) string { return strings.ReplaceAll(s, " ", "  ") },
		"no-break": func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
		"folded":   func(s string) string { return strings.ReplaceAll(s, " ", "\n") },
	} {
		a, b := fullScope(), fullScope()
		a.Purpose, a.LegalBasis = "Xác nhận cư trú của người nộp thuế", "Nghị định 47/2020/NĐ-CP, điều 27"
		b.Purpose, b.LegalBasis = change(a.Purpose), change(a.LegalBasis)
		if HashScope(a) != HashScope(b) {
			t.Errorf("%s: %q hashes unlike %q", name, b.Purpose, a.Purpose)
		}
		a.Purpose += "."
		if HashScope(a) == HashScope(b) {
			t.Errorf("%s: other words hash alike", name)
		}
	}
}

func TestHashIgnoresTheOrderOfOperations(t *testing.T) {
	a, b := fullScope(), fullScope()
	slices.Reverse(b.Operations)
	before := slices.Clone(b.Operations)
	if HashScope(a) != HashScope(b) {
		t.Error("the order of operations changes the hash")
	}
	if !slices.Equal(before, b.Operations) {
		t.Error("hashing changes the scope")
	}
}

const (
	hash  = "sha256:now"
	other = "sha256:before"
)

func decision(name string, d v1alpha1.Decision, h string) v1alpha1.DataSharingApproval {
	return v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Name: name},
		Spec: v1alpha1.DataSharingApprovalSpec{Decision: d, SpecHash: h, Reason: v1alpha1.Text("because of " + name), Approver: "user-" + name}}
}

// candidates are all kinds of decisions about a link, with what each says alone.
func candidates() map[string]v1alpha1.DataSharingApproval {
	gone := func(a v1alpha1.DataSharingApproval) v1alpha1.DataSharingApproval {
		a.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
		return a
	}
	return map[string]v1alpha1.DataSharingApproval{
		"approve":          decision("approve", v1alpha1.DecisionApprove, hash),
		"approve-other":    decision("approve-other", v1alpha1.DecisionApprove, other),
		"approve-nothing":  decision("approve-nothing", v1alpha1.DecisionApprove, ""),
		"approve-revoked":  gone(decision("approve-revoked", v1alpha1.DecisionApprove, hash)),
		"reject":           decision("reject", v1alpha1.DecisionReject, hash),
		"reject-other":     decision("reject-other", v1alpha1.DecisionReject, other),
		"reject-revoked":   gone(decision("reject-revoked", v1alpha1.DecisionReject, hash)),
		"suspend":          decision("suspend", v1alpha1.DecisionSuspend, ""),
		"suspend-other":    decision("suspend-other", v1alpha1.DecisionSuspend, other),
		"suspend-on-leave": gone(decision("suspend-on-leave", v1alpha1.DecisionSuspend, "")),
		"unknown":          decision("unknown", "Perhaps", hash),
	}
}

// TestDecide goes through every set of decisions, in both orders: what closes
// beats what opens.
func TestDecide(t *testing.T) {
	all := candidates()
	var keys []string
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for set := range 1 << len(keys) {
		var approvals []v1alpha1.DataSharingApproval
		in := map[string]bool{}
		for i, k := range keys {
			if set&(1<<i) != 0 {
				approvals, in[k] = append(approvals, all[k]), true
			}
		}
		want := v1alpha1.ReasonApprovalMissing
		switch {
		case in["suspend"] || in["suspend-other"] || in["suspend-on-leave"]:
			want = v1alpha1.ReasonLinkSuspended
		case in["reject"], in["reject-other"] && in["approve"]:
			want = v1alpha1.ReasonRejected
		case in["approve"]:
			want = v1alpha1.ReasonApproved
		case len(in) > 0:
			want = v1alpha1.ReasonApprovalStale
		}
		v := decided(approvals, hash)
		if v.Reason != want || v.Approved != (want == v1alpha1.ReasonApproved) {
			t.Fatalf("%v: %+v, want %s", approvals, v, want)
		}
		slices.Reverse(approvals)
		if diff := cmp.Diff(v, decided(approvals, hash)); diff != "" {
			t.Fatalf("the order of %v decides:\n%s", approvals, diff)
		}
		if without := decided(approvals, ""); without.Approved {
			t.Fatalf("approved without a scope: %+v", without)
		}
	}
}

func TestDecideNamesWhoAndWhy(t *testing.T) {
	v := decided([]v1alpha1.DataSharingApproval{decision("z", v1alpha1.DecisionApprove, hash), decision("b", v1alpha1.DecisionReject, hash), decision("a", v1alpha1.DecisionReject, hash)}, hash)
	want := Verdict{Reason: v1alpha1.ReasonRejected, Approver: "user-a", By: "agency-b/a", Words: "because of a"}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("verdict differs (-want +got):\n%s", diff)
	}
}

// FuzzDecide: whatever is decided, approval needs an approving decision for
// exactly the hash and nothing that closes.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, hash)
	f.Add([]byte{0}, "")
	f.Add([]byte{10, 200}, other)
	f.Fuzz(func(t *testing.T, data []byte, scope string) {
		decisions := []v1alpha1.Decision{v1alpha1.DecisionApprove, v1alpha1.DecisionReject, v1alpha1.DecisionSuspend, ""}
		hashes := []string{scope, "", other, hash}
		var approvals []v1alpha1.DataSharingApproval
		opens, closes := false, false
		for i, b := range data {
			a := decision(fmt.Sprint(i), decisions[b&3], hashes[b>>2&3])
			revoked := b>>4&1 == 1
			if revoked {
				a.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
			}
			matches := scope != "" && a.Spec.SpecHash == scope
			opens = opens || a.Spec.Decision == v1alpha1.DecisionApprove && matches && !revoked
			closes = closes || a.Spec.Decision == v1alpha1.DecisionSuspend || a.Spec.Decision == v1alpha1.DecisionReject && matches && !revoked
			approvals = append(approvals, a)
		}
		v := decided(approvals, scope)
		if v.Approved != (opens && !closes) {
			t.Fatalf("%+v about %v for %q", v, approvals, scope)
		}
		if (v.By == "") != (len(approvals) == 0) || v.Reason == "" {
			t.Fatalf("%+v names nobody", v)
		}
		slices.Reverse(approvals)
		if again := decided(approvals, scope); again != v {
			t.Fatalf("the order decides: %+v, %+v", v, again)
		}
	})
}

func TestEffectiveSharingFloor(t *testing.T) {
	policy := func(c *v1alpha1.DataSharingControl, mode ...v1alpha1.PolicyMode) v1alpha1.SecurityPolicy {
		return v1alpha1.SecurityPolicy{Spec: v1alpha1.SecurityPolicySpec{DataSharing: c, Mode: append(mode, v1alpha1.ModeEnforce)[0]}}
	}
	allow, deny := policy(&v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}), policy(&v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(false)})
	term := func(d time.Duration) v1alpha1.SecurityPolicy {
		return policy(&v1alpha1.DataSharingControl{MaxValidity: &metav1.Duration{Duration: d}})
	}
	type list = []v1alpha1.SecurityPolicy
	tests := []struct {
		name               string
		consumer, provider list
		want               SharingFloor
	}{
		{"silence allows nothing", nil, nil, SharingFloor{}},
		{"one side's permission is not enough", list{allow}, nil, SharingFloor{}},
		{"nor the other's", nil, list{allow}, SharingFloor{}},
		{"both", list{allow}, list{allow}, SharingFloor{DirectAllowed: true}},
		{"a denial beats a permission", list{allow, deny}, list{allow}, SharingFloor{}},
		{"in any order", list{deny, allow}, list{allow}, SharingFloor{}},
		{"an audited permission permits nothing", list{allow}, list{policy(&v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}, v1alpha1.ModeAudit)}, SharingFloor{}},
		{"an audited denial denies nothing", list{allow}, list{allow, policy(&v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(false)}, v1alpha1.ModeAudit)}, SharingFloor{DirectAllowed: true}},
		{"the shortest term", list{term(3 * time.Hour)}, list{term(time.Hour), term(2 * time.Hour)}, SharingFloor{MaxValidity: ptr.To(time.Hour)}},
		{"no time at all", list{term(24 * time.Hour), term(0)}, list{term(time.Hour)}, SharingFloor{MaxValidity: ptr.To(time.Duration(0))}},
		{"less than no time", list{term(-time.Hour), term(time.Hour)}, nil, SharingFloor{MaxValidity: ptr.To(time.Duration(0))}},
		{"all classifications, once", list{policy(&v1alpha1.DataSharingControl{RequireAuthorityApprovalFor: []v1alpha1.DataClassification{"Personal", "Internal"}})},
			list{policy(&v1alpha1.DataSharingControl{RequireAuthorityApprovalFor: []v1alpha1.DataClassification{"Personal"}})},
			SharingFloor{AuthorityApprovalFor: []v1alpha1.DataClassification{"Internal", "Personal"}}},
		{"policies about other things", list{policy(nil), allow}, list{allow, policy(nil)}, SharingFloor{DirectAllowed: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, EffectiveSharingFloor(tt.consumer, tt.provider)); diff != "" {
				t.Errorf("floor differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	same := []string{object.Fingerprint("Identify citizens", "National"), object.Fingerprint(" identify  CITIZENS ", "national"), object.Fingerprint("identify\tcitizens", "National\n"), object.Fingerprint("Identify cit\u200bizens", "National")}
	if len(slices.Compact(same)) != 1 {
		t.Errorf("case and space tell apart: %v", same)
	}
	if object.Fingerprint("Định danh công dân", "Toàn quốc") != object.Fingerprint(v1alpha1.Text(norm.NFD.String("ĐỊNH DANH CÔNG DÂN")), v1alpha1.Text(norm.NFD.String("toàn quốc "))) {
		t.Error("the way in which accents are written tells apart")
	}
	if object.Fingerprint("a b", "c") == object.Fingerprint("a", "b c") || strings.Contains(object.Fingerprint("a", ""), " ") {
		t.Error("what is capability and what is scope does not count")
	}
}

// TestTheLastWordOfASide: a rejection of whatever scope beats the approvals that
// are not newer, and what can't be told counts against opening.
func TestTheLastWordOfASide(t *testing.T) {
	at := func(d v1alpha1.Decision, h string, second, generation int64) v1alpha1.DataSharingApproval {
		return v1alpha1.DataSharingApproval{
			ObjectMeta: metav1.ObjectMeta{Namespace: "agency-b", Name: fmt.Sprint(d, second), Generation: generation, CreationTimestamp: metav1.Unix(second, 0)},
			Spec:       v1alpha1.DataSharingApprovalSpec{Decision: d, SpecHash: h, Approver: fmt.Sprint("user", second)},
		}
	}
	yes, no := v1alpha1.DecisionApprove, v1alpha1.DecisionReject
	leaving := at(no, "other", 9, 1)
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Unix(10, 0)}
	for name, tt := range map[string]struct {
		all  []v1alpha1.DataSharingApproval
		open bool
	}{
		"an older rejection":            {[]v1alpha1.DataSharingApproval{at(no, "other", 1, 1), at(yes, hash, 2, 1)}, true},
		"a newer one":                   {[]v1alpha1.DataSharingApproval{at(yes, hash, 1, 1), at(no, "other", 2, 1)}, false},
		"one of the same second":        {[]v1alpha1.DataSharingApproval{at(yes, hash, 1, 1), at(no, "other", 1, 1)}, false},
		"an older one that was changed": {[]v1alpha1.DataSharingApproval{at(no, "other", 1, 2), at(yes, hash, 2, 1)}, false},
		"an approval that was changed":  {[]v1alpha1.DataSharingApproval{at(yes, hash, 1, 5), at(no, "other", 2, 1)}, false},
		"one that is being deleted":     {[]v1alpha1.DataSharingApproval{at(yes, hash, 1, 1), leaving}, true},
		"a newer approval beside":       {[]v1alpha1.DataSharingApproval{at(yes, hash, 1, 1), at(no, "other", 2, 1), at(yes, hash, 3, 1)}, true},
		"two rejections":                {[]v1alpha1.DataSharingApproval{at(no, "other", 1, 1), at(yes, hash, 2, 1), at(no, "third", 3, 1)}, false},
	} {
		for range 2 {
			v, users := decided(tt.all, hash), approvers(tt.all, hash)
			if v.Approved != tt.open || len(users) > 0 != tt.open {
				t.Errorf("%s: %+v, approvers %v, want open %v", name, v, users, tt.open)
			}
			slices.Reverse(tt.all)
		}
	}
	silent := []v1alpha1.DataSharingApproval{at(no, "other", 2, 1)}
	for second, objects := range map[int64]bool{1: true, 2: true, 3: false} {
		if v, got := objection(silent, []v1alpha1.DataSharingApproval{at(yes, hash, second, 1)}, hash); got != objects || v.Objects() != objects {
			t.Errorf("a side that need not approve, against an approval at %d: %+v %v", second, v, got)
		}
	}
	if _, got := objection(silent, nil, hash); got {
		t.Error("there is nothing to object to")
	}
}

// TestSeparate: every side needs a person of its own.
func TestSeparate(t *testing.T) {
	type side = []string
	for _, tt := range []struct {
		excluded []string
		sides    []side
		want     bool
	}{
		{nil, []side{{"a"}, {"b"}}, true},
		{nil, []side{{"a"}, {"a"}}, false},
		{nil, []side{{"a"}, {"A"}}, false},
		{nil, []side{{"tr\u1ea7n"}, {"TRa\u0302\u0300N"}}, false},
		{nil, []side{{"an"}, {"a\u200bn"}}, false},
		{nil, []side{{"a", "b"}, {"a"}}, true},
		{nil, []side{{"a"}, {"a", "b"}}, true},
		{side{"b"}, []side{{"a"}, {"a", "b"}}, false},
		{side{"c"}, []side{{"a", "b"}, {"a", "b"}}, true},
		{side{"a"}, []side{{"a"}}, false},
		{nil, []side{{}}, false},
	} {
		if got := separate(tt.excluded, tt.sides...); got != tt.want {
			t.Errorf("Separate(%v, %v) = %v", tt.excluded, tt.sides, got)
		}
	}
}
