package portal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/settings"
)

// portal returns the input of a portal whose two pods are available, modified.
func portal(modify ...func(*Input)) Input {
	in := Input{
		Settings: settings.Default(), NamespaceGuarded: true,
		Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance"}, Spec: v1alpha1.AgencySpec{Domains: []v1alpha1.DNSName{"mof.example.gov.vn"}}},
		Portal: &v1alpha1.AgencyPortal{
			ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", Namespace: "agency-finance", UID: "uid-1", Generation: kindtest.Generation},
			Spec: v1alpha1.AgencyPortalSpec{Image: "registry.gov.example/mof/tax:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 2}, Exposure: v1alpha1.ExposureInternal,
				PublicServices: []v1alpha1.PublicService{{Level: 4}, {Level: 1}}},
		},
		Deployment: &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 1},
			Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, AvailableReplicas: 2, UpdatedReplicas: 2}},
	}
	for _, m := range modify {
		m(&in)
	}
	return in
}

func enforce(mode v1alpha1.PolicyMode) func(*Input) {
	return func(in *Input) {
		in.Policies = append(in.Policies, v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "digests"},
			Spec: v1alpha1.SecurityPolicySpec{Mode: mode, Images: &v1alpha1.ImageControl{RequireDigest: true}}})
	}
}

func lastRan(in *Input) {
	spec := in.Portal.Spec.DeepCopy()
	spec.Image += "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	spec.Port = 9090
	in.Portal.Status.LastCompliant = spec
}

// onRecord has what runs on record: the spec as it is before a test changes it.
func onRecord(in *Input) {
	in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
	in.Portal.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: in.Portal.Name}}
}

var soon = []v1alpha1.PlatformReference{{Name: "soon"}}

func withSecondOneStop(in *Input) {
	in.OneStopHolder, in.Portal.Spec.Components = "old-tax", []v1alpha1.Component{v1alpha1.ComponentOneStop}
}

func compliantBefore(in *Input) {
	in.Portal.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonCompliant}}
}

func openedByOthers(in *Input) {
	in.Agency.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionNetworkIsolated, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonForeignPolicies}}
}

func suspendedWith(pods int32) func(*Input) {
	return func(in *Input) {
		in.Agency.Spec.Suspended = true
		in.Deployment.Status.Replicas = pods
	}
}

func pods(available int32, conditions ...appsv1.DeploymentCondition) func(*Input) {
	return func(in *Input) {
		in.Deployment.Status.AvailableReplicas = available
		in.Deployment.Status.Conditions = conditions
	}
}

func TestAgencyPortal(t *testing.T) {
	late := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}
	quota := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue,
		Message: `pods "tax-filing-5d5bd88b4c-x7k2p" is forbidden: exceeded quota: agency-quota, requested: pods=1,requests.cpu=100m, used: pods=2,requests.cpu=32, limited: pods=2,requests.cpu=32`}
	refused := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue,
		Message: `pods "tax-filing-5d5bd88b4c-x7k2p" is forbidden: violates PodSecurity`}
	foreign := child.Result{Conflicts: []child.Conflict{{Kind: "Deployment", Namespace: "agency-finance", Name: "tax-filing"}}}
	refuse := func(kind, path, detail string) child.Result {
		err := apierrors.NewInvalid(schema.GroupKind{Kind: kind}, "tax-filing", field.ErrorList{field.Invalid(field.NewPath(path), "1Gi", detail)})
		return child.Result{Failures: []*child.Failure{{Kind: kind, Namespace: "agency-finance", Name: "tax-filing", Doing: "apply", Err: fmt.Errorf("update: %w", err)}}}
	}
	refusedDeployment := refuse("Deployment", "spec.template.spec.containers[0].resources.requests", "must be less than or equal to the limit")
	refusedNetwork := refuse("NetworkPolicy", "spec.egress", "wrong")
	type conditions = map[string]string
	good := func(with conditions) conditions {
		out := conditions{"PolicyCompliant": "True Compliant", "NetworkIsolated": "True Isolated", "WorkloadAvailable": "True Available", "ObjectsHealthy": "True Healthy", "Exposed": "True InternalOnly", "PlatformsResolved": "True PlatformsResolved"}
		for k, v := range with {
			out[k] = v
		}
		return out
	}
	idle := func(with conditions) conditions {
		with["NetworkIsolated"], with["ObjectsHealthy"] = "Unknown Pending", "Unknown Pending"
		with["WorkloadAvailable"] = "False WorkloadBlocked"
		return good(with)
	}
	blocked := func(with conditions) conditions {
		with["WorkloadAvailable"], with["ObjectsHealthy"] = "False WorkloadBlocked", "Unknown Pending"
		return good(with)
	}
	tests := []struct {
		name string
		in   Input
		res  child.Result
		err  error
		want kindtest.Summary
		says []string
	}{
		{"ready", portal(), child.Result{}, nil, kindtest.Summary{Conditions: good(conditions{"Ready": "True Ready"}), Kstatus: kstatus.CurrentStatus}, nil},
		{"audit findings", portal(enforce(v1alpha1.ModeAudit)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"PolicyCompliant": "True AuditFindings", "Ready": "True Ready"}), Kstatus: kstatus.CurrentStatus}, nil},
		{"violation", portal(enforce(v1alpha1.ModeEnforce)), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"PolicyCompliant": "False PolicyViolation", "Ready": "False PolicyViolation", "Stalled": "True PolicyViolation"}), Kstatus: kstatus.FailedStatus},
			[]string{"policy digests, control images.requireDigest: found registry.gov.example/mof/tax:1, wanted a reference by digest", "Change the spec", "Nothing runs."}},
		{"violation, last compliant runs", portal(enforce(v1alpha1.ModeEnforce), lastRan), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"PolicyCompliant": "False KeptLastCompliant", "Ready": "False KeptLastCompliant", "Stalled": "True KeptLastCompliant"}), Kstatus: kstatus.FailedStatus},
			[]string{"images.requireDigest", "The last compliant spec keeps running."}},
		{"no agency", portal(func(in *Input) { in.Agency = nil }), child.Result{}, nil,
			kindtest.Summary{Conditions: idle(conditions{"Ready": "False AgencyNotFound", "Reconciling": "True AgencyNotFound"}), Kstatus: kstatus.InProgressStatus},
			[]string{"metadata.namespace", "belongs to no Agency", "create the portal in the namespace agency-<name>"}},
		{"no agency and a violation", portal(enforce(v1alpha1.ModeEnforce), func(in *Input) { in.Agency = nil }), child.Result{}, nil,
			kindtest.Summary{Conditions: idle(conditions{"PolicyCompliant": "False PolicyViolation", "Ready": "False AgencyNotFound", "Stalled": "True AgencyNotFound"}), Kstatus: kstatus.FailedStatus}, nil},
		{"agency is removed", portal(func(in *Input) {
			in.Agency.DeletionTimestamp = &kindtest.Earlier
			in.Agency.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOffboarding, Status: metav1.ConditionTrue}}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"Ready": "False Offboarding", "Reconciling": "True Offboarding"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"namespace not guarded, nothing there", portal(func(in *Input) { in.NamespaceGuarded, in.Deployment = false, nil }), child.Result{}, nil,
			kindtest.Summary{Conditions: idle(conditions{"Ready": "False AgencyNotReady", "Reconciling": "True AgencyNotReady"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"namespace not guarded, pods run", portal(func(in *Input) {
			in.NamespaceGuarded = false
			in.Portal.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "tax-filing"}}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"Ready": "False AgencyNotReady", "Reconciling": "True AgencyNotReady"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"quota", portal(func(in *Input) { in.OlderSiblings = 20 }), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"Ready": "False PortalQuotaExceeded", "Stalled": "True PortalQuotaExceeded"}), Kstatus: kstatus.FailedStatus},
			[]string{"spec.quota.portals", "20", "remove one"}},
		{"second one-stop system beyond the quota", portal(func(in *Input) {
			in.OlderSiblings, in.OneStopHolder, in.Portal.Spec.Components = 20, "old-tax", []v1alpha1.Component{v1alpha1.ComponentOneStop}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"PolicyCompliant": "False DuplicateOneStop", "Ready": "False PortalQuotaExceeded", "Stalled": "True PortalQuotaExceeded"}), Kstatus: kstatus.FailedStatus}, nil},
		{"a platform that comes later, in an edit", portal(onRecord, func(in *Input) { in.Portal.Spec.CitizenLogin, in.Portal.Spec.PlatformRefs = true, soon }), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"PolicyCompliant": "False KeptLastCompliant", "PlatformsResolved": "False PlatformNotFound", "Ready": "False KeptLastCompliant", "Reconciling": "True KeptLastCompliant"}), Kstatus: kstatus.InProgressStatus},
			[]string{"a SharedPlatform that does not exist"}},
		{"a second one-stop system, in an edit", portal(onRecord, withSecondOneStop), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"PolicyCompliant": "False KeptLastCompliant", "Ready": "False KeptLastCompliant", "Stalled": "True KeptLastCompliant"}), Kstatus: kstatus.FailedStatus},
			[]string{"OneStop beside the portal old-tax", "merge the two"}},
		{"a second one-stop system, under a hold", portal(onRecord, withSecondOneStop, compliantBefore, func(in *Input) { in.NamespaceGuarded = false }), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"PolicyCompliant": "False KeptLastCompliant", "Ready": "False AgencyNotReady", "Stalled": "True AgencyNotReady"}), Kstatus: kstatus.FailedStatus}, nil},
		{"a second one-stop system, under a hold, and nothing complied", portal(onRecord, withSecondOneStop, func(in *Input) {
			in.NamespaceGuarded = false
			in.Portal.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonViolation, Message: "It violates."}}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: blocked(conditions{"PolicyCompliant": "False PolicyViolation", "Ready": "False AgencyNotReady", "Stalled": "True AgencyNotReady"}), Kstatus: kstatus.FailedStatus}, nil},
		{"host name not delegated", portal(func(in *Input) {
			in.Portal.Spec.Exposure, in.Portal.Spec.Hostnames = v1alpha1.ExposureInternet, []v1alpha1.DNSName{"thue.example.com"}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"Exposed": "False HostnameNotDelegated", "Ready": "False HostnameNotDelegated", "Stalled": "True HostnameNotDelegated"}), Kstatus: kstatus.FailedStatus},
			[]string{"spec.hostnames[0]", `"thue.example.com" is outside`, "use a name inside"}},
		{"host name taken", portal(func(in *Input) {
			in.Portal.Spec.Exposure, in.Portal.Spec.Hostnames = v1alpha1.ExposureInternet, []v1alpha1.DNSName{"mof.example.gov.vn"}
			in.HostnameHolders = map[v1alpha1.DNSName]string{"mof.example.gov.vn": "agency-x/old"}
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"Exposed": "False HostnameTaken", "Ready": "False HostnameTaken", "Stalled": "True HostnameTaken"}), Kstatus: kstatus.FailedStatus},
			[]string{"spec.hostnames[0]", "held by the older portal agency-x/old", "use another name"}},
		{"no routes yet", portal(func(in *Input) { in.Portal.Spec.Exposure = v1alpha1.ExposureDedicatedNetwork }), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"Exposed": "False WaitingForRoutes", "Ready": "False WaitingForRoutes", "Reconciling": "True WaitingForRoutes"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"foreign object", portal(), foreign, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Conflict", "Ready": "False Conflict", "Stalled": "True Conflict"}), Kstatus: kstatus.FailedStatus},
			[]string{"Deployment agency-finance/tax-filing exists", "left alone", "Remove or rename it."}},
		{"opened by others", portal(openedByOthers), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"NetworkIsolated": "False ForeignPolicies", "Ready": "False ForeignPolicies", "Stalled": "True ForeignPolicies"}), Kstatus: kstatus.FailedStatus},
			[]string{`Agency "finance" names them`}},
		{"opened by others, a foreign object", portal(openedByOthers), foreign, nil,
			kindtest.Summary{Conditions: good(conditions{"NetworkIsolated": "False ForeignPolicies", "WorkloadAvailable": "False Conflict", "Ready": "False ForeignPolicies", "Stalled": "True ForeignPolicies"}), Kstatus: kstatus.FailedStatus}, nil},
		{"opened by others, being suspended", portal(openedByOthers, suspendedWith(1)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"ObjectsHealthy": "Unknown Pending", "NetworkIsolated": "False ForeignPolicies", "WorkloadAvailable": "False Suspended", "Ready": "False Suspended", "Reconciling": "True Suspended"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"opened by others, suspended", portal(openedByOthers, suspendedWith(0)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"ObjectsHealthy": "Unknown Pending", "NetworkIsolated": "False ForeignPolicies", "WorkloadAvailable": "False Suspended", "Ready": "False Suspended"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"write failed", portal(), child.Result{}, errors.New("timeout"),
			kindtest.Summary{Conditions: good(conditions{"NetworkIsolated": "False ApplyFailed", "WorkloadAvailable": "Unknown Pending", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"workload refused", portal(), refusedDeployment, refusedDeployment.Failures[0],
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False ApplyFailed", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus},
			[]string{"Deployment agency-finance/tax-filing", "spec.resources.requests: Invalid value: \"1Gi\": must be less than or equal to the limit", "What exists is left as it is", "Correct what is named"}},
		{"network policy refused", portal(), refusedNetwork, refusedNetwork.Failures[0],
			kindtest.Summary{Conditions: good(conditions{"NetworkIsolated": "False ApplyFailed", "WorkloadAvailable": "Unknown Pending", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"just written", portal(), child.Result{Written: []string{"Deployment"}}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"not observed yet", portal(func(in *Input) { in.Deployment.Generation = 2 }), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"one pod of two", portal(pods(1)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}), Kstatus: kstatus.InProgressStatus},
			[]string{"at least 2"}},
		{"old pods only", portal(func(in *Input) { in.Deployment.Status.UpdatedReplicas = 1 }), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}), Kstatus: kstatus.InProgressStatus}, nil},
		{"old pods beside new ones", portal(func(in *Input) {
			in.Deployment.Status.Replicas, in.Deployment.Status.AvailableReplicas = 3, 3
		}), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Progressing", "Ready": "False Progressing", "Reconciling": "True Progressing"}), Kstatus: kstatus.InProgressStatus},
			[]string{"of the spec before"}},
		{"pods late", portal(pods(0, late)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Unavailable", "Ready": "False Unavailable", "Stalled": "True Unavailable"}), Kstatus: kstatus.FailedStatus},
			[]string{"do not become ready in time", "See the events and logs"}},
		{"pods refused, whatever the order", portal(pods(0, late, quota)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False QuotaExceeded", "Ready": "False QuotaExceeded", "Stalled": "True QuotaExceeded"}), Kstatus: kstatus.FailedStatus},
			[]string{`Pods can't be made: ResourceQuota "agency-quota" is used up (pods: 2 of 2 used, 1 more asked; requests.cpu: 32 of 32 used, 100m more asked)`,
				"Lower spec.replicas or spec.resources", `raise spec.quota.pods and spec.quota.cpu of Agency "finance"`}},
		{"pods refused for another reason", portal(pods(0, refused)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"WorkloadAvailable": "False Unavailable", "Ready": "False Unavailable", "Reconciling": "True Unavailable"}), Kstatus: kstatus.InProgressStatus},
			[]string{"Pods can't be made: pod is forbidden: violates PodSecurity"}},
		{"suspended", portal(suspendedWith(0)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"ObjectsHealthy": "Unknown Pending", "WorkloadAvailable": "False Suspended", "Ready": "False Suspended"}), Kstatus: kstatus.InProgressStatus},
			[]string{`Agency "finance" is suspended: the pods are stopped.`}},
		{"suspended, pods still there", portal(suspendedWith(1)), child.Result{}, nil,
			kindtest.Summary{Conditions: good(conditions{"ObjectsHealthy": "Unknown Pending", "WorkloadAvailable": "False Suspended", "Ready": "False Suspended", "Reconciling": "True Suspended"}), Kstatus: kstatus.InProgressStatus},
			[]string{"the pods are being stopped."}},
		{"suspended, not written", portal(suspendedWith(2)), child.Result{}, errors.New("timeout"),
			kindtest.Summary{Conditions: good(conditions{"ObjectsHealthy": "Unknown Pending", "NetworkIsolated": "False ApplyFailed", "WorkloadAvailable": "Unknown Pending", "Ready": "False ApplyFailed", "Reconciling": "True ApplyFailed"}), Kstatus: kstatus.InProgressStatus}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			SetStatus(tt.in, Decide(tt.in), tt.res, tt.err)
			kindtest.AssertStatus(t, tt.in.Portal, tt.want)
			kindtest.AssertMessage(t, tt.in.Portal, v1alpha1.ConditionReady, tt.says...)
		})
	}
}

func TestAgencyPortalFields(t *testing.T) {
	type fields struct {
		URL           string
		Level         v1alpha1.SecurityLevel
		Services      v1alpha1.ServiceCounts
		LastCompliant string
	}
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		name string
		in   Input
		want fields
	}{
		{"ready", portal(), fields{"http://tax-filing.agency-finance.svc:8080", 3, v1alpha1.ServiceCounts{Declared: 2, Verified: 2}, "registry.gov.example/mof/tax:1"}},
		{"only a ready portal serves", portal(pods(1)), fields{"http://tax-filing.agency-finance.svc:8080", 3, v1alpha1.ServiceCounts{Declared: 2}, "registry.gov.example/mof/tax:1"}},
		{"violating", portal(enforce(v1alpha1.ModeEnforce)), fields{"", 3, v1alpha1.ServiceCounts{Declared: 2}, ""}},
		{"the last compliant spec runs", portal(enforce(v1alpha1.ModeEnforce), lastRan),
			fields{"http://tax-filing.agency-finance.svc:9090", 3, v1alpha1.ServiceCounts{Declared: 2}, "registry.gov.example/mof/tax:1" + digest}},
		{"held", portal(func(in *Input) { in.NamespaceGuarded, in.Portal.Status.URL = false, "http://before" }),
			fields{"http://before", 3, v1alpha1.ServiceCounts{Declared: 2}, ""}},
		// What runs was not judged, so it is not forgotten: it may run on when the namespace is guarded.
		{"held, with an edit that is kept", portal(enforce(v1alpha1.ModeEnforce), lastRan, func(in *Input) { in.NamespaceGuarded, in.Portal.Status.URL = false, "http://before" }),
			fields{"http://before", 3, v1alpha1.ServiceCounts{Declared: 2}, "registry.gov.example/mof/tax:1" + digest}},
		{"what ran does not comply either", portal(enforce(v1alpha1.ModeEnforce), lastRan, func(in *Input) { in.Portal.Status.LastCompliant.Image = "registry.gov.example/mof/tax:0" }),
			fields{"", 3, v1alpha1.ServiceCounts{Declared: 2}, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			SetStatus(tt.in, Decide(tt.in), child.Result{}, nil)
			st := tt.in.Portal.Status
			got := fields{URL: st.URL, Level: st.SecurityLevel, Services: st.PublicServices}
			if st.LastCompliant != nil {
				got.LastCompliant = st.LastCompliant.Image
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("status differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHoldKeepsWhatWasFound: while a namespace's guard is repaired an edit that is
// kept stays so, or the links of what runs would close and open again.
func TestHoldKeepsWhatWasFound(t *testing.T) {
	in := portal(enforce(v1alpha1.ModeEnforce), lastRan)
	for _, guarded := range []bool{true, false, true} {
		in.NamespaceGuarded = guarded
		SetStatus(in, Decide(in), child.Result{}, nil)
		if c := meta.FindStatusCondition(in.Portal.Status.Conditions, v1alpha1.ConditionPolicyCompliant); c == nil || c.Reason != v1alpha1.ReasonKeptLastCompliant {
			t.Errorf("guarded %t: %+v", guarded, c)
		}
	}
}

// TestListsFitTheSchema: a status that the schema refuses could not be written
// at all, inventory included. What blocks is listed first.
func TestListsFitTheSchema(t *testing.T) {
	in := portal()
	for i := range 100 {
		mode := v1alpha1.ModeAudit
		if i >= 90 {
			mode = v1alpha1.ModeEnforce
		}
		in.Policies = append(in.Policies, v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%02d", i)},
			Spec: v1alpha1.SecurityPolicySpec{Mode: mode, Images: &v1alpha1.ImageControl{RequireDigest: true}}})
	}
	SetStatus(in, Decide(in), child.Result{}, nil)
	st := in.Portal.Status
	if len(st.Policies) != maxListed || len(st.Findings) != maxListed {
		t.Fatalf("%d policies, %d findings, want %d", len(st.Policies), len(st.Findings), maxListed)
	}
	for i, f := range st.Findings {
		if want := i < 10; (f.Mode == v1alpha1.ModeEnforce) != want {
			t.Errorf("finding %d of policy %s has mode %s", i, f.Policy, f.Mode)
		}
	}
}

// TestSteadyStatus: a round that finds the same writes the same, to the letter.
func TestSteadyStatus(t *testing.T) {
	in := portal(pods(1))
	SetStatus(in, Decide(in), child.Result{}, nil)
	for i := range in.Portal.Status.Conditions {
		in.Portal.Status.Conditions[i].LastTransitionTime = kindtest.Earlier
	}
	before := in.Portal.Status.DeepCopy()
	SetStatus(in, Decide(in), child.Result{}, nil)
	if diff := cmp.Diff(*before, in.Portal.Status); diff != "" {
		t.Errorf("the second round differs (-first +second):\n%s", diff)
	}
}

func TestAgencyPortalDeleting(t *testing.T) {
	p := portal().Portal
	SetDeleting(p, []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "tax-filing-deny"}})
	kindtest.AssertStatus(t, p, kindtest.Summary{Conditions: map[string]string{"Ready": "False Deleting", "Reconciling": "True Deleting"}, Kstatus: kstatus.InProgressStatus})
	if len(p.Status.Inventory) != 1 {
		t.Errorf("inventory = %+v", p.Status.Inventory)
	}
}
