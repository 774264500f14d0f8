package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
)

const digest64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const goodImage = "registry.gov.example/mof/tax@sha256:" + digest64

// workload returns one that meets every policy of these tests, modified.
func workload(modify ...func(*control.Workload)) control.Workload {
	w := control.Workload{
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RuntimeClassName: ptr.To("gvisor"),
			NodeSelector:     map[string]string{names.LabelNodePool: "sensitive"},
			SecurityContext:  &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers:       []corev1.Container{goodContainer("portal")},
		}},
		MinReplicas:         2,
		HasDisruptionBudget: true,
		PodSecurityVersion:  "latest",
		Policies: []*networkingv1.NetworkPolicy{{
			ObjectMeta: metav1.ObjectMeta{Name: "tax-base"},
			Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{
				To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "kube-system"}}}},
			}}},
		}},
	}
	for _, m := range modify {
		m(&w)
	}
	return w
}

func goodContainer(name string) corev1.Container {
	return corev1.Container{
		Name: name, Image: goodImage,
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("512Mi")}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func initContainer(modify func(*corev1.Container)) func(*control.Workload) {
	return func(w *control.Workload) {
		c := goodContainer("setup")
		modify(&c)
		w.Template.Spec.InitContainers = []corev1.Container{c}
	}
}

func ephemeralContainer(image string) func(*control.Workload) {
	return func(w *control.Workload) {
		c := goodContainer("debug")
		w.Template.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: c.Name, Image: image, SecurityContext: c.SecurityContext,
		}}}
	}
}

func policyOf(name string, spec v1alpha1.SecurityPolicySpec) v1alpha1.SecurityPolicy {
	return v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

// TestEvaluate has, for every control, what violates it and how it is named.
// TestThreat21 below adds the kinds of containers.
func TestEvaluate(t *testing.T) {
	images := v1alpha1.SecurityPolicySpec{Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example/mof", "mirror.gov.example"}}}
	digests := v1alpha1.SecurityPolicySpec{Images: &v1alpha1.ImageControl{RequireDigest: true}}
	restricted := v1alpha1.SecurityPolicySpec{PodSecurity: v1alpha1.PodSecurityRestricted}
	baseline := v1alpha1.SecurityPolicySpec{PodSecurity: v1alpha1.PodSecurityBaseline}
	replicas := v1alpha1.SecurityPolicySpec{Availability: &v1alpha1.AvailabilityControl{MinReplicas: 2}}
	budget := v1alpha1.SecurityPolicySpec{Availability: &v1alpha1.AvailabilityControl{RequireDisruptionBudget: true}}
	limits := v1alpha1.SecurityPolicySpec{Resources: &v1alpha1.ResourceControl{RequireLimits: true}}
	most := v1alpha1.SecurityPolicySpec{Resources: &v1alpha1.ResourceControl{MaxCPU: ptr.To(resource.MustParse("1000m")), MaxMemory: ptr.To(resource.MustParse("512Mi"))}}
	network := v1alpha1.SecurityPolicySpec{Network: &v1alpha1.NetworkControl{DenyInternetEgress: true}}
	runtimeClass := v1alpha1.SecurityPolicySpec{Isolation: &v1alpha1.IsolationControl{RuntimeClassName: "gvisor"}}
	nodePool := v1alpha1.SecurityPolicySpec{Isolation: &v1alpha1.IsolationControl{NodePool: "sensitive"}}

	image := func(i string) func(*control.Workload) {
		return func(w *control.Workload) { w.Template.Spec.Containers[0].Image = i }
	}
	limit := func(name corev1.ResourceName, value string) func(*control.Workload) {
		return func(w *control.Workload) {
			w.Template.Spec.Containers[0].Resources.Limits[name] = resource.MustParse(value)
		}
	}
	egress := func(rule networkingv1.NetworkPolicyEgressRule) func(*control.Workload) {
		return func(w *control.Workload) {
			w.Policies[0].Spec.Egress = append(w.Policies[0].Spec.Egress, rule)
		}
	}
	type finding = v1alpha1.PolicyFinding
	tests := []struct {
		name   string
		spec   v1alpha1.SecurityPolicySpec
		modify func(*control.Workload)
		want   []finding
	}{
		{"no control", v1alpha1.SecurityPolicySpec{}, image("evil.example/x"), nil},
		{"foreign registry", images, image("evil.example/x"), []finding{{Control: "images.allowedRegistries", Found: "evil.example/x", Wanted: "an image from mirror.gov.example, registry.gov.example/mof"}}},
		{"unreadable image", images, image("Not An Image"), []finding{{Control: "images.allowedRegistries", Found: "Not An Image", Wanted: "an image from mirror.gov.example, registry.gov.example/mof"}}},
		{"tag only", digests, image("registry.gov.example/mof/tax:1"), []finding{{Control: "images.requireDigest", Found: "registry.gov.example/mof/tax:1", Wanted: "a reference by digest (@sha256:...)"}}},
		{"root, restricted", restricted, func(w *control.Workload) { w.Template.Spec.SecurityContext.RunAsNonRoot = nil },
			[]finding{{Control: "podSecurity", Found: `runAsNonRoot != true: pod or container "portal" must set securityContext.runAsNonRoot=true`, Wanted: "Restricted"}}},
		{"root, baseline", baseline, func(w *control.Workload) { w.Template.Spec.SecurityContext.RunAsNonRoot = nil }, nil},
		{"host network, baseline", baseline, func(w *control.Workload) { w.Template.Spec.HostNetwork = true },
			[]finding{{Control: "podSecurity", Found: "host namespaces: hostNetwork=true", Wanted: "Baseline"}}},
		{"too few pods", replicas, func(w *control.Workload) { w.MinReplicas = 1 }, []finding{{Control: "availability.minReplicas", Found: "replicas.min 1", Wanted: "at least 2"}}},
		{"no disruption budget", budget, func(w *control.Workload) { w.HasDisruptionBudget, w.MinReplicas = false, 1 },
			[]finding{{Control: "availability.requireDisruptionBudget", Found: "one pod at most", Wanted: "more than one, by replicas.min or replicas.max, so that a disruption budget can hold"}}},
		{"no limit", limits, func(w *control.Workload) { delete(w.Template.Spec.Containers[0].Resources.Limits, corev1.ResourceCPU) },
			[]finding{{Control: "resources.requireLimits", Found: "container portal without cpu limit", Wanted: "a limit for cpu and memory"}}},
		{"limit of zero", limits, limit(corev1.ResourceMemory, "0"), []finding{{Control: "resources.requireLimits", Found: "container portal without memory limit", Wanted: "a limit for cpu and memory"}}},
		{"a maximum needs a limit", most, func(w *control.Workload) { w.Template.Spec.Containers[0].Resources.Limits = nil }, []finding{
			{Control: "resources.requireLimits", Found: "container portal without cpu limit", Wanted: "a limit for cpu and memory"},
			{Control: "resources.requireLimits", Found: "container portal without memory limit", Wanted: "a limit for cpu and memory"}}},
		{"at the maximum, written otherwise", most, limit(corev1.ResourceMemory, "536870912"), nil},
		{"too much cpu", most, limit(corev1.ResourceCPU, "1001m"), []finding{{Control: "resources.maxCPU", Found: "resources.limits.cpu 1001m", Wanted: "at most 1"}}},
		{"too much memory", most, limit(corev1.ResourceMemory, "1Gi"), []finding{{Control: "resources.maxMemory", Found: "resources.limits.memory 1Gi", Wanted: "at most 512Mi"}}},
		{"egress to an address", network, egress(networkingv1.NetworkPolicyEgressRule{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "192.0.2.0/24"}}}}),
			[]finding{{Control: "network.denyInternetEgress", Found: "NetworkPolicy tax-base opens egress to addresses outside the declared networks", Wanted: "egress to pods of the platform and to the declared networks only"}}},
		{"egress to everybody", network, egress(networkingv1.NetworkPolicyEgressRule{}),
			[]finding{{Control: "network.denyInternetEgress", Found: "NetworkPolicy tax-base opens egress to addresses outside the declared networks", Wanted: "egress to pods of the platform and to the declared networks only"}}},
		{"no runtime class", runtimeClass, func(w *control.Workload) { w.Template.Spec.RuntimeClassName = nil }, []finding{{Control: "isolation.runtimeClassName", Found: "runtime class none", Wanted: "gvisor"}}},
		{"other runtime class", runtimeClass, func(w *control.Workload) { w.Template.Spec.RuntimeClassName = ptr.To("runc") }, []finding{{Control: "isolation.runtimeClassName", Found: "runtime class runc", Wanted: "gvisor"}}},
		{"no node pool", nodePool, func(w *control.Workload) { w.Template.Spec.NodeSelector = nil }, []finding{{Control: "isolation.nodePool", Found: "node pool none", Wanted: "sensitive"}}},
		{"other node pool", nodePool, func(w *control.Workload) { w.Template.Spec.NodeSelector[names.LabelNodePool] = "open" }, []finding{{Control: "isolation.nodePool", Found: "node pool open", Wanted: "sensitive"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policies := []v1alpha1.SecurityPolicy{policyOf("p", tt.spec)}
			if got := Evaluate(policies, workload()); len(got) > 0 {
				t.Errorf("a compliant workload has findings: %+v", got)
			}
			for i := range tt.want {
				tt.want[i].Policy, tt.want[i].Mode = "p", v1alpha1.ModeEnforce
			}
			if diff := cmp.Diff(tt.want, Evaluate(policies, workload(tt.modify))); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestThreat21_EveryKindOfContainer: init containers (sidecars are such) and
// ephemeral containers are held to the same controls.
func TestThreat21_EveryKindOfContainer(t *testing.T) {
	strict := []v1alpha1.SecurityPolicy{policyOf("p", v1alpha1.SecurityPolicySpec{
		Images:      &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example"}, RequireDigest: true},
		PodSecurity: v1alpha1.PodSecurityRestricted,
		Resources:   &v1alpha1.ResourceControl{RequireLimits: true, MaxMemory: ptr.To(resource.MustParse("512Mi"))},
	})}
	tests := []struct {
		name   string
		modify func(*control.Workload)
		want   []string
	}{
		{"compliant init container", initContainer(func(*corev1.Container) {}), nil},
		{"init container's image", initContainer(func(c *corev1.Container) { c.Image = "evil.example/x" }), []string{"images.allowedRegistries", "images.requireDigest"}},
		{"sidecar's image", initContainer(func(c *corev1.Container) {
			c.Image, c.RestartPolicy = "evil.example/x", ptr.To(corev1.ContainerRestartPolicyAlways)
		}), []string{"images.allowedRegistries", "images.requireDigest"}},
		{"init container without limits", initContainer(func(c *corev1.Container) { c.Resources.Limits = nil }), []string{"resources.requireLimits", "resources.requireLimits"}},
		{"init container's memory", initContainer(func(c *corev1.Container) { c.Resources.Limits[corev1.ResourceMemory] = resource.MustParse("1Gi") }), []string{"resources.maxMemory"}},
		{"privileged init container", initContainer(func(c *corev1.Container) { c.SecurityContext.Privileged = ptr.To(true) }), []string{"podSecurity"}},
		{"compliant ephemeral container", ephemeralContainer(goodImage), nil},
		{"ephemeral container's image", ephemeralContainer("evil.example/x"), []string{"images.allowedRegistries", "images.requireDigest"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Evaluate(strict, workload(tt.modify)) {
				got = append(got, f.Control)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violated controls differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestModes(t *testing.T) {
	one := &v1alpha1.AvailabilityControl{MinReplicas: 3}
	var policies []v1alpha1.SecurityPolicy
	for _, mode := range []v1alpha1.PolicyMode{v1alpha1.ModeAudit, v1alpha1.ModeEnforce, ""} {
		policies = append(policies, policyOf("mode-"+string(mode), v1alpha1.SecurityPolicySpec{Mode: mode, Availability: one}))
	}
	findings := Evaluate(policies, workload())
	if len(findings) != 3 {
		t.Fatalf("%d findings, want one per policy: %+v", len(findings), findings)
	}
	var blocking []string
	for _, f := range Blocking(findings) {
		blocking = append(blocking, f.Policy)
		if f.Mode != v1alpha1.ModeEnforce {
			t.Errorf("policy %q blocks in mode %q", f.Policy, f.Mode)
		}
	}
	// An unset mode enforces.
	if diff := cmp.Diff([]string{"mode-", "mode-Enforce"}, blocking); diff != "" {
		t.Errorf("blocking policies differ (-want +got):\n%s", diff)
	}
}

// TestStrictestOfSeveral: of policies that allow different things, a workload
// must satisfy each.
func TestStrictestOfSeveral(t *testing.T) {
	policies := []v1alpha1.SecurityPolicy{
		policyOf("b-loose", v1alpha1.SecurityPolicySpec{
			Images:       &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example", "docker.io"}},
			Availability: &v1alpha1.AvailabilityControl{MinReplicas: 1},
			Resources:    &v1alpha1.ResourceControl{MaxMemory: ptr.To(resource.MustParse("8Gi"))},
		}),
		policyOf("a-strict", v1alpha1.SecurityPolicySpec{
			Images:       &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example"}},
			Availability: &v1alpha1.AvailabilityControl{MinReplicas: 3},
			Resources:    &v1alpha1.ResourceControl{MaxMemory: ptr.To(resource.MustParse("256Mi"))},
		}),
	}
	w := workload(func(w *control.Workload) { w.Template.Spec.Containers[0].Image = "docker.io/library/nginx" })
	var got []string
	for _, f := range Evaluate(policies, w) {
		got = append(got, f.Policy+" "+f.Control)
	}
	want := []string{"a-strict availability.minReplicas", "a-strict images.allowedRegistries", "a-strict resources.maxMemory"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

// TestFindingsFitTheSchema: findings are bounded like their fields in the API.
func TestFindingsFitTheSchema(t *testing.T) {
	var long []v1alpha1.RegistryPrefix
	for range 32 {
		long = append(long, v1alpha1.RegistryPrefix("registry.gov.example/"+strings.Repeat("ế", 200)))
	}
	w := workload(func(w *control.Workload) { w.Template.Spec.Containers[0].Image = strings.Repeat("ế", 2000) })
	got := Evaluate([]v1alpha1.SecurityPolicy{policyOf("p", v1alpha1.SecurityPolicySpec{Images: &v1alpha1.ImageControl{AllowedRegistries: long}})}, w)
	if len(got) != 1 || len(got[0].Found) > 1024 || len(got[0].Wanted) > 2048 {
		t.Errorf("findings are too long: %+v", got)
	}
}

// FuzzEvaluate derives three policies and a workload from bytes. Whatever they
// are, the result is the same every time and in every order of the policies,
// and one more enforced policy only adds findings: nothing can loosen.
func FuzzEvaluate(f *testing.F) {
	f.Add("registry.gov.example/mof/tax", "registry.gov.example", uint16(0xffff), uint16(0x0), uint16(0x1234), uint16(0xffff))
	f.Add("nginx", "docker.io", uint16(0x5555), uint16(0xaaaa), uint16(0x0f0f), uint16(0x0))
	f.Fuzz(func(t *testing.T, image, registry string, a, b, c, w uint16) {
		policies := []v1alpha1.SecurityPolicy{
			fuzzPolicy("a", a, registry), fuzzPolicy("b", b, "registry.gov.example"), fuzzPolicy("c", c, registry+"/x"),
		}
		subject := workload(fuzzWorkload(w, image))
		all := Evaluate(policies, subject)
		if diff := cmp.Diff(all, Evaluate(policies, subject)); diff != "" {
			t.Errorf("the second evaluation differs:\n%s", diff)
		}
		reversed := slices.Clone(policies)
		slices.Reverse(reversed)
		if diff := cmp.Diff(all, Evaluate(reversed, subject)); diff != "" {
			t.Errorf("the order of the policies matters:\n%s", diff)
		}
		for i := range policies {
			without := slices.Delete(slices.Clone(policies), i, i+1)
			for _, finding := range Evaluate(without, subject) {
				if !slices.Contains(all, finding) {
					t.Errorf("policy %s removes the finding %+v", policies[i].Name, finding)
				}
			}
		}
	})
}

func fuzzPolicy(name string, bits uint16, registry string) v1alpha1.SecurityPolicy {
	on := func(bit int) bool { return bits>>bit&1 == 1 }
	p := policyOf(name, v1alpha1.SecurityPolicySpec{})
	if on(0) {
		p.Spec.Images = &v1alpha1.ImageControl{RequireDigest: on(1)}
		if registry != "" {
			p.Spec.Images.AllowedRegistries = []v1alpha1.RegistryPrefix{v1alpha1.RegistryPrefix(registry)}
		}
	}
	if on(2) {
		p.Spec.PodSecurity = v1alpha1.PodSecurityRestricted
	}
	if on(3) {
		p.Spec.Availability = &v1alpha1.AvailabilityControl{MinReplicas: int32(bits >> 12), RequireDisruptionBudget: on(4)}
	}
	if on(5) {
		p.Spec.Resources = &v1alpha1.ResourceControl{RequireLimits: on(6), MaxMemory: resource.NewQuantity(int64(bits)<<16, resource.BinarySI)}
	}
	if on(7) {
		p.Spec.Network = &v1alpha1.NetworkControl{DenyInternetEgress: true}
	}
	if on(8) {
		p.Spec.Isolation = &v1alpha1.IsolationControl{RuntimeClassName: "gvisor", NodePool: name}
	}
	if on(9) {
		p.Spec.Mode = v1alpha1.ModeAudit
	}
	return p
}

func fuzzWorkload(bits uint16, image string) func(*control.Workload) {
	on := func(bit int) bool { return bits>>bit&1 == 1 }
	return func(w *control.Workload) {
		spec := &w.Template.Spec
		spec.Containers[0].Image = image
		if on(0) {
			initContainer(func(c *corev1.Container) { c.Image = image })(w)
		}
		if on(1) {
			ephemeralContainer(image)(w)
		}
		if on(2) {
			spec.Containers[0].Resources.Limits = nil
		}
		spec.HostNetwork = on(3)
		w.HasDisruptionBudget = on(4)
		w.MinReplicas = int32(bits >> 12)
		if on(5) {
			w.Policies[0].Spec.Egress[0].To = nil
		}
		if on(6) {
			spec.RuntimeClassName, spec.NodeSelector = nil, nil
		}
	}
}
