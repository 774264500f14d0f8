package control

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

const digest64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var hours = &metav1.Duration{Duration: time.Hour}

// compliantWorkload meets every spec of the cases.
func compliantWorkload() Workload {
	return Workload{
		MinReplicas: 2, HasDisruptionBudget: true, PodSecurityVersion: "v1.36",
		Networks: []string{"10.0.0.0/8"}, NameServers: []string{"192.0.2.53/32"},
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RuntimeClassName: ptr.To("gvisor"),
			NodeSelector:     map[string]string{names.LabelNodePool: "sensitive"},
			SecurityContext:  &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "portal", Image: "registry.gov.example/mof/tax@sha256:" + digest64,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("512Mi")}},
			}},
		}},
	}
}

func egress(block string) func(*Workload) {
	return func(w *Workload) {
		p := &networkingv1.NetworkPolicy{}
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: block}}}}}
		w.Policies = append(w.Policies, p)
	}
}

func limit(name corev1.ResourceName, amount string) func(*Workload) {
	return func(w *Workload) {
		w.Template.Spec.Containers[0].Resources.Limits[name] = resource.MustParse(amount)
	}
}

func image(name string) func(*Workload) {
	return func(w *Workload) { w.Template.Spec.Containers[0].Image = name }
}

// ephemeral adds a container that somebody debugs with.
func ephemeral(name string) func(*Workload) {
	return func(w *Workload) {
		w.Template.Spec.EphemeralContainers = append(w.Template.Spec.EphemeralContainers, corev1.EphemeralContainer{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: name, SecurityContext: compliantWorkload().Template.Spec.Containers[0].SecurityContext}})
	}
}

// cases are what is said of each row: a spec that demands it, where it is held, a
// change that makes the workload violate it, and one that looks like a violation
// and is exempt. What is held on no workload has no changes; what it closes is
// asked in internal/kinds (TestEveryControlIsTried).
var cases = map[string]struct {
	spec             Spec
	held             []Place
	violates, exempt func(*Workload)
}{
	"images.allowedRegistries": {
		spec:     Spec{Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example/mof", "mirror.gov.example"}}},
		held:     []Place{Evaluation, Admitted},
		violates: ephemeral("registry.gov.example/mofa/tax:1"), exempt: image("mirror.gov.example/x:1"),
	},
	"images.requireDigest": {
		spec:     Spec{Images: &v1alpha1.ImageControl{RequireDigest: true}},
		held:     []Place{Evaluation, Admitted},
		violates: image("registry.gov.example/mof/tax:1"), exempt: image("evil.example/x:1@sha256:" + digest64),
	},
	"podSecurity": {
		spec:     Spec{PodSecurity: v1alpha1.PodSecurityBaseline},
		held:     []Place{Evaluation},
		violates: func(w *Workload) { w.Template.Spec.HostNetwork = true },
		exempt:   func(w *Workload) { w.Template.Spec.SecurityContext.RunAsNonRoot = nil },
	},
	"availability.minReplicas": {
		spec:     Spec{Availability: &v1alpha1.AvailabilityControl{MinReplicas: 2}},
		held:     []Place{Evaluation},
		violates: func(w *Workload) { w.MinReplicas = 1 }, exempt: func(w *Workload) { w.HasDisruptionBudget = false },
	},
	"availability.requireDisruptionBudget": {
		spec:     Spec{Availability: &v1alpha1.AvailabilityControl{RequireDisruptionBudget: true}},
		held:     []Place{Evaluation},
		violates: func(w *Workload) { w.HasDisruptionBudget = false }, exempt: func(w *Workload) { w.MinReplicas = 1 },
	},
	"resources.requireLimits": {
		spec:     Spec{Resources: &v1alpha1.ResourceControl{RequireLimits: true}},
		held:     []Place{Evaluation, Admitted},
		violates: limit(corev1.ResourceMemory, "0"), exempt: ephemeral("registry.gov.example/mof/debug"),
	},
	"resources.maxCPU": {
		spec:     Spec{Resources: &v1alpha1.ResourceControl{MaxCPU: ptr.To(resource.MustParse("1"))}},
		held:     []Place{Evaluation, Admitted},
		violates: limit(corev1.ResourceCPU, "1001m"), exempt: limit(corev1.ResourceMemory, "1Ti"),
	},
	"resources.maxMemory": {
		spec:     Spec{Resources: &v1alpha1.ResourceControl{MaxMemory: ptr.To(resource.MustParse("512Mi"))}},
		held:     []Place{Evaluation, Admitted},
		violates: limit(corev1.ResourceMemory, "513Mi"), exempt: limit(corev1.ResourceMemory, "536870912"),
	},
	"certificates.issuerRef":     {spec: Spec{Certificates: &v1alpha1.CertificateControl{IssuerRef: &v1alpha1.IssuerReference{Kind: "ClusterIssuer", Name: "gov"}}}},
	"certificates.maxDuration":   {spec: Spec{Certificates: &v1alpha1.CertificateControl{MaxDuration: hours}}},
	"certificates.minTLSVersion": {spec: Spec{Certificates: &v1alpha1.CertificateControl{MinTLSVersion: "1.3"}}},
	"network.denyInternetEgress": {
		spec:     Spec{Network: &v1alpha1.NetworkControl{DenyInternetEgress: true}},
		held:     []Place{Evaluation},
		violates: egress("198.51.100.0/24"),
		exempt:   func(w *Workload) { egress("10.1.0.0/24")(w); egress("192.0.2.53/32")(w) },
	},
	"dataSharing.requireMutualTLS": {spec: Spec{DataSharing: &v1alpha1.DataSharingControl{RequireMutualTLS: true}}},
	AuthorityApproval:              {spec: Spec{DataSharing: &v1alpha1.DataSharingControl{RequireAuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}}}, held: []Place{Links}},
	DirectRoute:                    {spec: Spec{DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(false)}}, held: []Place{Links}},
	MaxValidity:                    {spec: Spec{DataSharing: &v1alpha1.DataSharingControl{MaxValidity: hours}}, held: []Place{Links}},
	DatasetOwners:                  {spec: Spec{DataSharing: &v1alpha1.DataSharingControl{DatasetOwners: []v1alpha1.DatasetOwner{{Dataset: "d", Agency: "a"}}}}, held: []Place{Datasets}},
	"isolation.runtimeClassName": {
		spec:     Spec{Isolation: &v1alpha1.IsolationControl{RuntimeClassName: "gvisor"}},
		held:     []Place{Evaluation, Admitted, Written},
		violates: func(w *Workload) { w.Template.Spec.RuntimeClassName = nil }, exempt: func(w *Workload) { w.Template.Spec.NodeSelector = nil },
	},
	"isolation.nodePool": {
		spec:     Spec{Isolation: &v1alpha1.IsolationControl{NodePool: "sensitive"}},
		held:     []Place{Evaluation, Admitted, Written},
		violates: func(w *Workload) { w.Template.Spec.NodeSelector[names.LabelNodePool] = "open" },
		exempt:   func(w *Workload) { w.Template.Spec.NodeSelector["kubernetes.io/os"] = "linux" },
	},
	"logging.retentionMonths": {spec: Spec{Logging: &v1alpha1.LoggingControl{RetentionMonths: 12}}, held: []Place{Written}},
}

// TestEveryRowHoldsWhereItSays: the operator, the API server (its own CEL) and the
// documentation agree about a workload that complies, one that violates the row
// and one that is exempt, and what is written makes the pod comply.
//
// Fails for a row without a case; for a place more or less; for limits of ephemeral
// containers that are asked for; for an Admit or an Evaluate of requireDigest that
// takes every image; for a Write of the node pool without the node selector; and for a
// Write of the retention that writes nothing, or always.
func TestEveryRowHoldsWhereItSays(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			tt, ok := cases[c.Name]
			if !ok {
				t.Fatalf("%s has no case: say in cases of internal/control/cases_test.go what violates it and what is exempt", c.Name)
			}
			if !slices.Equal(c.Held(), tt.held) {
				t.Errorf("the row is held at %v, want %v", c.Held(), tt.held)
			}
			if !c.Demands(&tt.spec) {
				t.Fatal("the spec does not demand the control")
			}
			writes(t, c, &tt.spec)
			if c.Evaluate == nil {
				if tt.violates != nil || tt.exempt != nil {
					t.Error("no workload shows the control, and the case has workloads")
				}
				return
			}
			if tt.violates == nil || tt.exempt == nil {
				t.Fatal("the case needs a violation and an exemption")
			}
			judge(t, c, &tt.spec, nil, compliantWorkload())
			exempt, violating := compliantWorkload(), compliantWorkload()
			tt.exempt(&exempt)
			judge(t, c, &tt.spec, nil, exempt)
			tt.violates(&violating)
			judge(t, c, &tt.spec, []string{c.Name}, violating)
			if c.Write != nil {
				var f Floor
				f.Join(&tt.spec)
				f.Write(&violating.Template)
				judge(t, c, &tt.spec, nil, violating)
			}
		})
	}
	for name := range cases {
		if !slices.ContainsFunc(All(), func(c Control) bool { return c.Name == name }) {
			t.Errorf("%s has a case and no row", name)
		}
	}
}

// writes: a row that writes puts something into pods where a policy demands it, and
// nothing where none does.
func writes(t *testing.T, c Control, spec *Spec) {
	t.Helper()
	if c.Write == nil {
		return
	}
	var none, f Floor
	var plain, written corev1.PodTemplateSpec
	c.Write(&plain, none)
	c.Join(&f, spec)
	c.Write(&written, f)
	if !equality.Semantic.DeepEqual(plain, corev1.PodTemplateSpec{}) {
		t.Error("Write changes pods of which no policy demands anything")
	}
	if equality.Semantic.DeepEqual(written, plain) {
		t.Error("Join and Write of the row put nothing of the case's spec into pods")
	}
}

// TestRowsAgreeAboutEveryCase puts the workloads of all rows before each row's spec: of
// what pods show, the operator finds what the API server denies.
//
// Fails when maxCPU alone asks for a memory limit in the API server only, as it did.
func TestRowsAgreeAboutEveryCase(t *testing.T) {
	workloads := map[string]Workload{"compliant": compliantWorkload()}
	specs := map[string]*Spec{"no registry": {Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{}}}}
	for name, tt := range cases {
		specs[name] = &tt.spec
		for what, change := range map[string]func(*Workload){" violated": tt.violates, " exempt": tt.exempt} {
			if change != nil {
				w := compliantWorkload()
				change(&w)
				workloads[name+what] = w
			}
		}
	}
	for name, spec := range specs {
		denied := compileAdmission(t, spec)
		for what, w := range workloads {
			shown := slices.DeleteFunc(violated(spec, w), func(name string) bool {
				return slices.ContainsFunc(All(), func(c Control) bool { return c.Name == name && c.Admit == nil })
			})
			if got := denied(&corev1.Pod{Spec: w.Template.Spec}); !slices.Equal(got, shown) {
				t.Errorf("%s by a policy with %s: the API server denies %v, the operator finds %v", what, name, got, shown)
			}
		}
	}
}

// judge asks the operator and, about what pods show, the API server.
func judge(t *testing.T, c Control, spec *Spec, want []string, w Workload) {
	t.Helper()
	if got := violated(spec, w); !slices.Equal(got, want) {
		t.Errorf("the operator finds %v, want %v", got, want)
	}
	if c.Admit == nil {
		want = nil
	}
	if got := compileAdmission(t, spec)(&corev1.Pod{Spec: w.Template.Spec}); !slices.Equal(got, want) {
		t.Errorf("the API server denies %v, want %v", got, want)
	}
}

// TestPodSecurityVersion: pods are judged by the version of the workload, and an
// unreadable one is a finding. Capabilities are dropped as of version 1.22 only.
// Fails when the newest version judges, as it did.
func TestPodSecurityVersion(t *testing.T) {
	for version, want := range map[string]int{"v1.21": 0, "v1.22": 1, "v1.999": 1, "latest": 1, "": 1, "1.36": 1} {
		w := compliantWorkload()
		w.Template.Spec.Containers[0].SecurityContext.Capabilities = nil
		w.PodSecurityVersion = version
		if got := Evaluate(&Spec{PodSecurity: v1alpha1.PodSecurityRestricted}, w); len(got) != want {
			t.Errorf("version %q: %+v, want %d findings", version, got, want)
		}
	}
}

// TestFloorWritesLogging: how long logs are kept is the longest that is demanded.
func TestFloorWritesLogging(t *testing.T) {
	var f Floor
	for _, months := range []int32{1, 12, 3} {
		f.Join(&Spec{Logging: &v1alpha1.LoggingControl{RetentionMonths: months}})
	}
	var template corev1.PodTemplateSpec
	f.Write(&template)
	if got := template.Annotations[names.AnnotationLogRetention]; got != "12" {
		t.Errorf("the pods say %q months, want 12", got)
	}
}
