package agency

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

func agency(code string, modify ...func(*v1alpha1.Agency)) *v1alpha1.Agency {
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance", UID: "uid-1", Generation: kindtest.Generation}, Spec: v1alpha1.AgencySpec{Code: code}}
	for _, m := range modify {
		m(a)
	}
	return a
}

func below(a *v1alpha1.Agency) { a.Spec.ParentRef = &v1alpha1.ParentReference{Name: "treasury"} }

func suspend(a *v1alpha1.Agency) { a.Spec.Suspended = true }

func admitted(a *v1alpha1.Agency) { a.Status.Namespace = "agency-finance" }

func parent(code string) *v1alpha1.Agency {
	return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "treasury"}, Spec: v1alpha1.AgencySpec{Code: code}}
}

func TestAgency(t *testing.T) {
	conflict := child.Result{Conflicts: []child.Conflict{{Kind: "Namespace", Name: "agency-finance"}}}
	tests := []struct {
		name string
		in   Input
		res  child.Result
		err  error
		want kindtest.Summary
	}{
		{"top level", Input{Agency: agency("G12")}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
		{"an authority that was", Input{Agency: agency("G12"), EarlierVetoes: 2}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"Authority": "True EarlierAuthority", "RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
		{"not counted yet", Input{Agency: agency("G12"), Counts: true}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Progressing", "NetworkIsolated": "True Isolated", "Ready": "False Progressing", "Reconciling": "True Progressing"}, Kstatus: kstatus.InProgressStatus}},
		{"child", Input{Agency: agency("G12.1", below), Parent: parent("G12")}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True ParentResolved", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, Kstatus: kstatus.CurrentStatus}},
		{"parent missing", Input{Agency: agency("G12.1", below)}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "Unknown Pending", "NetworkIsolated": "Unknown Pending", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, Kstatus: kstatus.InProgressStatus}},
		{"parent missing later", Input{Agency: agency("G12.1", below, admitted)}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, Kstatus: kstatus.InProgressStatus}},
		{"parent of another code", Input{Agency: agency("G12.1", below), Parent: parent("G13")}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentCodeMismatch", "NamespaceReady": "Unknown Pending", "NetworkIsolated": "Unknown Pending", "Ready": "False ParentCodeMismatch", "Stalled": "True ParentCodeMismatch"}, Kstatus: kstatus.FailedStatus}},
		{"code taken", Input{Agency: agency("G12"), CodeHolder: "old"}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False CodeTaken", "NetworkIsolated": "Unknown Pending", "Ready": "False CodeTaken", "Stalled": "True CodeTaken"}, Kstatus: kstatus.FailedStatus}},
		{"suspended", Input{Agency: agency("G12", suspend)}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Suspended"}, Kstatus: kstatus.InProgressStatus}},
		{"suspended, not written", Input{Agency: agency("G12", suspend)}, child.Result{}, fmt.Errorf("timeout"),
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False ApplyFailed", "NetworkIsolated": "Unknown Pending", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, Kstatus: kstatus.InProgressStatus}},
		{"foreign namespace", Input{Agency: agency("G12")}, conflict, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, Kstatus: kstatus.FailedStatus}},
		{"foreign namespace, suspended", Input{Agency: agency("G12", suspend)}, conflict, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, Kstatus: kstatus.FailedStatus}},
		{"opened by others", Input{Agency: agency("G12"), ForeignPolicies: []string{"a", "b"}}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ForeignPolicies", "Stalled": "True ForeignPolicies"}, Kstatus: kstatus.FailedStatus}},
		{"opened by others, parent missing", Input{Agency: agency("G12.1", below, admitted), ForeignPolicies: []string{"a"}}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, Kstatus: kstatus.InProgressStatus}},
		{"opened by others, not written", Input{Agency: agency("G12", admitted), ForeignPolicies: []string{"a"}}, child.Result{}, fmt.Errorf("timeout"),
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False ApplyFailed", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, Kstatus: kstatus.InProgressStatus}},
		{"somebody else's namespace", Input{Agency: agency("G12"), ForeignPolicies: []string{"a"}}, conflict, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, Kstatus: kstatus.FailedStatus}},
		{"opened by others, suspended", Input{Agency: agency("G12", suspend), ForeignPolicies: []string{"a"}}, child.Result{}, nil,
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False Suspended"}, Kstatus: kstatus.InProgressStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Settings = settings.Default()
			SetStatus(tt.in, Decide(tt.in), tt.res, tt.err)
			kindtest.AssertStatus(t, tt.in.Agency, tt.want)
		})
	}
}

// TestAgencyNamespaceIsObserved: the status names a namespace only once it is there.
func TestAgencyNamespaceIsObserved(t *testing.T) {
	in := Input{Settings: settings.Default(), Agency: agency("G12"), Portals: []string{"a", "b"}, Contents: v1alpha1.AgencyContents{Portals: 2}}
	SetStatus(in, Decide(in), child.Result{}, fmt.Errorf("timeout"))
	if got := in.Agency.Status.Namespace; got != "" {
		t.Errorf("namespace %q after a failed round", got)
	}
	SetStatus(in, Decide(in), child.Result{Inventory: []v1alpha1.InventoryEntry{{Kind: "Namespace", Name: "agency-finance"}}}, nil)
	if got := in.Agency.Status; got.Namespace != "agency-finance" || got.Portals != 2 || len(got.Inventory) != 1 {
		t.Errorf("status = %+v", got)
	}
}

func TestAgencyDeletion(t *testing.T) {
	many := make([]Pod, 12)
	for i := range many {
		many[i] = Pod{Name: fmt.Sprintf("pod-%02d", i), Node: "n1", Going: true}
	}
	refusal := &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonDeletionRefused, Message: "Deletion is refused."}
	tests := []struct {
		name string
		set  func(Input)
		want kindtest.Summary
		says []string
	}{
		{"refused", func(in Input) { SetDeletionRefused(in, refusal) },
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False DeletionRefused", "Stalled": "True DeletionRefused"}, Kstatus: kstatus.FailedStatus},
			[]string{"Deletion is refused."}},
		{"many pods", func(in Input) { SetWaitsForPods(in, many) },
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, Kstatus: kstatus.InProgressStatus},
			[]string{"Pod pod-00 on node n1; ", "Pod pod-04 on node n1; and 7 more", "kubectl -n agency-finance delete pod pod-00 --force --grace-period=0"}},
		{"a pod with a finalizer", func(in Input) {
			SetWaitsForPods(in, []Pod{{Name: "held", Finalizers: []string{"example.org/hold"}, Going: true}})
		},
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, Kstatus: kstatus.InProgressStatus},
			[]string{"held by finalizer example.org/hold", "Whoever put the finalizer on held must take it off."}},
		{"under way", func(in Input) { SetOffboarding(in, "Removing the namespace.", nil) },
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, Kstatus: kstatus.InProgressStatus},
			[]string{"Removing the namespace."}},
		{"a portal held by others", func(in Input) {
			SetOffboarding(in, "Removing portals (1).", []Held{{Kind: "AgencyPortal", Name: "citizens", Finalizers: []string{"backup.example/hold"}}})
		},
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Stalled": "True Offboarding"}, Kstatus: kstatus.FailedStatus},
			[]string{"Removing portals (1).", "AgencyPortal citizens by backup.example/hold", "kubectl -n agency-finance edit agencyportal citizens"}},
		{"foreign pods", func(in Input) { SetWaitsForPods(in, []Pod{{Name: "stray", Foreign: true}}) },
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False ForeignWorkloads", "Stalled": "True ForeignWorkloads"}, Kstatus: kstatus.FailedStatus},
			[]string{"Pod stray, not deleted yet", "whoever did must remove what makes it."}},
		{"under way, opened by others", func(in Input) {
			in.ForeignPolicies = []string{"a"}
			SetOffboarding(in, "Removing the namespace.", nil)
		},
			kindtest.Summary{Conditions: map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, Kstatus: kstatus.InProgressStatus},
			nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Settings: settings.Default(), Agency: agency("G12")}
			SetStatus(in, Decide(in), child.Result{}, nil)
			tt.set(in)
			kindtest.AssertStatus(t, in.Agency, tt.want)
			kindtest.AssertMessage(t, in.Agency, v1alpha1.ConditionReady, tt.says...)
		})
	}
}
