package cli

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view/backup"
)

// TestEarlierVeto: who decides is told what an earlier authority stopped and has not
// lifted, and who decides as that authority what is left to do.
// Fails when only the provider and the present authority are known.
func TestEarlierVeto(t *testing.T) {
	entry := func(namespace, decision string, uid types.UID) v1alpha1.LinkDecision {
		return v1alpha1.LinkDecision{Side: v1alpha1.SideAuthority, Decision: decision, Namespace: namespace, Name: "halt", UID: uid}
	}
	s := settings.Default()
	present := "agency-" + s.AuthorityAgency
	for name, tt := range map[string]struct {
		record []v1alpha1.LinkDecision
		want   bool
	}{
		"nothing":                   {nil, false},
		"suspended":                 {[]v1alpha1.LinkDecision{entry("agency-former", "Suspend", "1")}, true},
		"rejected":                  {[]v1alpha1.LinkDecision{entry("agency-former", "Reject", "1")}, true},
		"suspended, and more later": {[]v1alpha1.LinkDecision{entry("agency-former", "Suspend", "1"), entry(present, "Approve", "2")}, true},
		"approved":                  {[]v1alpha1.LinkDecision{entry("agency-former", "Approve", "1")}, false},
		"lifted":                    {[]v1alpha1.LinkDecision{entry("agency-former", "Suspend", "1"), entry("agency-former", "Approve", "1")}, false},
		"deleted":                   {[]v1alpha1.LinkDecision{entry("agency-former", "Suspend", "1"), entry("agency-former", "Revoked", "1")}, false},
		"the present authority's":   {[]v1alpha1.LinkDecision{entry(present, "Suspend", "1")}, false},
	} {
		l := &v1alpha1.DataSharingLink{Spec: v1alpha1.DataSharingLinkSpec{Provider: v1alpha1.LinkProvider{Agency: "gives"}}}
		l.Status.Decisions = tt.record
		if got := earlierVeto(l, present, ""); (got != nil) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
		_, err := approvalNamespace(t.Context(), nil, Decision{Namespace: "agency-former", Settings: s}, l)
		says := "agency former is no longer the authority, which is mic"
		if err == nil || strings.Contains(err.Error(), says) != tt.want || tt.want && !strings.Contains(err.Error(), "kubectl -n agency-former delete datasharingapproval halt") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRestoreKeepsTheSide: what the authority of the export stopped is the
// authority's in the new cluster, also where a version wrote it that did not note
// the side.
// Fails when closing leaves the status out.
func TestRestoreKeepsTheSide(t *testing.T) {
	for name, tt := range map[string]struct {
		side   v1alpha1.LinkSide
		record []v1alpha1.LinkDecision
		want   v1alpha1.LinkSide
	}{
		"noted":             {v1alpha1.SideAuthority, nil, v1alpha1.SideAuthority},
		"on the record":     {"", []v1alpha1.LinkDecision{{Side: v1alpha1.SideAuthority, Decision: "Reject", Namespace: "agency-former", UID: "1"}}, v1alpha1.SideAuthority},
		"the provider's":    {v1alpha1.SideProvider, nil, ""},
		"nobody's":          {"", nil, ""},
		"lifted, and again": {"", []v1alpha1.LinkDecision{{Side: v1alpha1.SideAuthority, Decision: "Approve", Namespace: "agency-former", UID: "1"}}, ""},
	} {
		a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-former", Name: "halt", UID: "1"}, Status: v1alpha1.DataSharingApprovalStatus{Side: tt.side}}
		a.Spec = v1alpha1.DataSharingApprovalSpec{LinkRef: v1alpha1.LinkReference{Namespace: "agency-asks", Name: "l"}, Decision: v1alpha1.DecisionReject, SpecHash: "h", Approver: "boss"}
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asks", Name: "l"}, Status: v1alpha1.DataSharingLinkStatus{Decisions: tt.record}}
		e := &backup.Export{}
		for kind, o := range map[string]any{"DataSharingApproval": a, "DataSharingLink": l} {
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				t.Fatal(err)
			}
			u := &unstructured.Unstructured{Object: content}
			u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
			e.Objects = append(e.Objects, u.Object)
		}
		p, err := backup.NewPlan(e)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for p.Phases[i].Title != "decisions that close" {
			i++
		}
		live := &unstructured.Unstructured{Object: map[string]any{}}
		keepSide(live, named(p.Phases[i].Items[0], "other"))
		if got, _, _ := unstructured.NestedString(live.Object, "status", "side"); got != string(tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
