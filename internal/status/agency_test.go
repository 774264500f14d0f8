package status

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/settings"
)

func agency(code string, modify ...func(*v1alpha1.Agency)) *v1alpha1.Agency {
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance", UID: "uid-1", Generation: generation}, Spec: v1alpha1.AgencySpec{Code: code}}
	for _, m := range modify {
		m(a)
	}
	return a
}

func child(a *v1alpha1.Agency)    { a.Spec.ParentRef = &v1alpha1.ParentReference{Name: "treasury"} }
func suspend(a *v1alpha1.Agency)  { a.Spec.Suspended = true }
func admitted(a *v1alpha1.Agency) { a.Status.Namespace = "agency-finance" }
func parent(code string) *v1alpha1.Agency {
	return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "treasury"}, Spec: v1alpha1.AgencySpec{Code: code}}
}

func TestAgency(t *testing.T) {
	conflict := apply.Result{Conflicts: []apply.Conflict{{Kind: "Namespace", Name: "agency-finance"}}}
	tests := []struct {
		name string
		in   desired.AgencyInput
		res  apply.Result
		err  error
		want summary
	}{
		{"top level", desired.AgencyInput{Agency: agency("G12")}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, kstatus.CurrentStatus}},
		{"an authority that was", desired.AgencyInput{Agency: agency("G12"), EarlierVetoes: 2}, apply.Result{}, nil,
			summary{map[string]string{"Authority": "True EarlierAuthority", "RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, kstatus.CurrentStatus}},
		{"not counted yet", desired.AgencyInput{Agency: agency("G12"), Counts: true}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Progressing", "NetworkIsolated": "True Isolated", "Ready": "False Progressing", "Reconciling": "True Progressing"}, kstatus.InProgressStatus}},
		{"child", desired.AgencyInput{Agency: agency("G12.1", child), Parent: parent("G12")}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True ParentResolved", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "True Ready"}, kstatus.CurrentStatus}},
		{"parent missing", desired.AgencyInput{Agency: agency("G12.1", child)}, apply.Result{}, nil,
			summary{map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "Unknown Pending", "NetworkIsolated": "Unknown Pending", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, kstatus.InProgressStatus}},
		{"parent missing later", desired.AgencyInput{Agency: agency("G12.1", child, admitted)}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, kstatus.InProgressStatus}},
		{"parent of another code", desired.AgencyInput{Agency: agency("G12.1", child), Parent: parent("G13")}, apply.Result{}, nil,
			summary{map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentCodeMismatch", "NamespaceReady": "Unknown Pending", "NetworkIsolated": "Unknown Pending", "Ready": "False ParentCodeMismatch", "Stalled": "True ParentCodeMismatch"}, kstatus.FailedStatus}},
		{"code taken", desired.AgencyInput{Agency: agency("G12"), CodeHolder: "old"}, apply.Result{}, nil,
			summary{map[string]string{"RightsConfirmed": "Unknown Pending", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False CodeTaken", "NetworkIsolated": "Unknown Pending", "Ready": "False CodeTaken", "Stalled": "True CodeTaken"}, kstatus.FailedStatus}},
		{"suspended", desired.AgencyInput{Agency: agency("G12", suspend)}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Suspended"}, kstatus.InProgressStatus}},
		{"suspended, not written", desired.AgencyInput{Agency: agency("G12", suspend)}, apply.Result{}, fmt.Errorf("timeout"),
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False ApplyFailed", "NetworkIsolated": "Unknown Pending", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, kstatus.InProgressStatus}},
		{"foreign namespace", desired.AgencyInput{Agency: agency("G12")}, conflict, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, kstatus.FailedStatus}},
		{"foreign namespace, suspended", desired.AgencyInput{Agency: agency("G12", suspend)}, conflict, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, kstatus.FailedStatus}},
		{"opened by others", desired.AgencyInput{Agency: agency("G12"), ForeignPolicies: []string{"a", "b"}}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ForeignPolicies", "Stalled": "True ForeignPolicies"}, kstatus.FailedStatus}},
		{"opened by others, parent missing", desired.AgencyInput{Agency: agency("G12.1", child, admitted), ForeignPolicies: []string{"a"}}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "False ParentNotFound", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ParentNotFound", "Reconciling": "True ParentNotFound"}, kstatus.InProgressStatus}},
		{"opened by others, not written", desired.AgencyInput{Agency: agency("G12", admitted), ForeignPolicies: []string{"a"}}, apply.Result{}, fmt.Errorf("timeout"),
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False ApplyFailed", "NetworkIsolated": "False ForeignPolicies", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}, kstatus.InProgressStatus}},
		{"somebody else's namespace", desired.AgencyInput{Agency: agency("G12"), ForeignPolicies: []string{"a"}}, conflict, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "False Conflict", "NetworkIsolated": "Unknown Pending", "Ready": "False Conflict", "Stalled": "True Conflict"}, kstatus.FailedStatus}},
		{"opened by others, suspended", desired.AgencyInput{Agency: agency("G12", suspend), ForeignPolicies: []string{"a"}}, apply.Result{}, nil,
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False Suspended"}, kstatus.InProgressStatus}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Settings = settings.Default()
			Agency(tt.in, desired.Agency(tt.in), tt.res, tt.err)
			assertStatus(t, tt.in.Agency, tt.want)
		})
	}
}

// TestAgencyNamespaceIsObserved: the status names a namespace only once it is there.
func TestAgencyNamespaceIsObserved(t *testing.T) {
	in := desired.AgencyInput{Settings: settings.Default(), Agency: agency("G12"), Portals: []string{"a", "b"}, Contents: v1alpha1.AgencyContents{Portals: 2}}
	Agency(in, desired.Agency(in), apply.Result{}, fmt.Errorf("timeout"))
	if got := in.Agency.Status.Namespace; got != "" {
		t.Errorf("namespace %q after a failed round", got)
	}
	Agency(in, desired.Agency(in), apply.Result{Inventory: []v1alpha1.InventoryEntry{{Kind: "Namespace", Name: "agency-finance"}}}, nil)
	if got := in.Agency.Status; got.Namespace != "agency-finance" || got.Portals != 2 || len(got.Inventory) != 1 {
		t.Errorf("status = %+v", got)
	}
}

func TestAgencyDeletion(t *testing.T) {
	many := make([]Pod, 12)
	for i := range many {
		many[i] = Pod{Name: fmt.Sprintf("pod-%02d", i), Node: "n1", Going: true}
	}
	refusal := &desired.Blocker{Class: desired.Terminal, Reason: v1alpha1.ReasonDeletionRefused, Message: "Deletion is refused."}
	tests := []struct {
		name string
		set  func(desired.AgencyInput)
		want summary
		says []string
	}{
		{"refused", func(in desired.AgencyInput) { AgencyDeletionRefused(in, refusal) },
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False DeletionRefused", "Stalled": "True DeletionRefused"}, kstatus.FailedStatus},
			[]string{"Deletion is refused."}},
		{"many pods", func(in desired.AgencyInput) { AgencyWaitsForPods(in, many) },
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, kstatus.InProgressStatus},
			[]string{"Pod pod-00 on node n1; ", "Pod pod-04 on node n1; and 7 more", "kubectl -n agency-finance delete pod pod-00 --force --grace-period=0"}},
		{"a pod with a finalizer", func(in desired.AgencyInput) {
			AgencyWaitsForPods(in, []Pod{{Name: "held", Finalizers: []string{"example.org/hold"}, Going: true}})
		},
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, kstatus.InProgressStatus},
			[]string{"held by finalizer example.org/hold", "Whoever put the finalizer on held must take it off."}},
		{"under way", func(in desired.AgencyInput) { AgencyOffboarding(in, "Removing the namespace.", nil) },
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, kstatus.InProgressStatus},
			[]string{"Removing the namespace."}},
		{"a portal held by others", func(in desired.AgencyInput) {
			AgencyOffboarding(in, "Removing portals (1).", []Held{{Kind: "AgencyPortal", Name: "citizens", Finalizers: []string{"backup.example/hold"}}})
		},
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False Offboarding", "Stalled": "True Offboarding"}, kstatus.FailedStatus},
			[]string{"Removing portals (1).", "AgencyPortal citizens by backup.example/hold", "kubectl -n agency-finance edit agencyportal citizens"}},
		{"foreign pods", func(in desired.AgencyInput) { AgencyWaitsForPods(in, []Pod{{Name: "stray", Foreign: true}}) },
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "True Isolated", "Ready": "False ForeignWorkloads", "Stalled": "True ForeignWorkloads"}, kstatus.FailedStatus},
			[]string{"Pod stray, not deleted yet", "whoever did must remove what makes it."}},
		{"under way, opened by others", func(in desired.AgencyInput) {
			in.ForeignPolicies = []string{"a"}
			AgencyOffboarding(in, "Removing the namespace.", nil)
		},
			summary{map[string]string{"RightsChanged": "False RightsUnchanged", "RightsConfirmed": "True NoPersonalData", "ZonesDelegated": "True ZonesDelegated", "Offboarding": "True Offboarding", "ParentResolved": "True TopLevel", "NamespaceReady": "True NamespaceReady", "NetworkIsolated": "False ForeignPolicies", "Ready": "False Offboarding", "Reconciling": "True Offboarding"}, kstatus.InProgressStatus},
			nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := desired.AgencyInput{Settings: settings.Default(), Agency: agency("G12")}
			Agency(in, desired.Agency(in), apply.Result{}, nil)
			tt.set(in)
			assertStatus(t, in.Agency, tt.want)
			assertMessage(t, in.Agency, v1alpha1.ConditionReady, tt.says...)
		})
	}
}
