package control

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// TestAdmissionAgreesWithEvaluation puts the same pods before the expressions
// that the API server runs and before Evaluate: each control must give
// the same answer in both.
func TestAdmissionAgreesWithEvaluation(t *testing.T) {
	strict := &Spec{
		Images:    &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.gov.example/mof", "mirror.gov.example", "registry.gov.example:5000/mic/press"}, RequireDigest: true},
		Resources: &v1alpha1.ResourceControl{MaxCPU: ptr.To(resource.MustParse("2")), MaxMemory: ptr.To(resource.MustParse("1Gi"))},
		Isolation: &v1alpha1.IsolationControl{RuntimeClassName: "gvisor", NodePool: "sensitive"},
	}
	image := func(i string) func(*corev1.PodSpec) {
		return func(p *corev1.PodSpec) { p.Containers[0].Image = i }
	}
	limit := func(name corev1.ResourceName, value string) func(*corev1.PodSpec) {
		return func(p *corev1.PodSpec) {
			p.Containers[0].Resources.Limits[name] = resource.MustParse(value)
		}
	}
	tests := []struct {
		name   string
		modify func(*corev1.PodSpec)
		want   []string
	}{
		{"compliant", func(*corev1.PodSpec) {}, nil},
		{"host", image("mirror.gov.example/x@sha256:" + digest64), nil},
		{"the entry is the whole repository", image("registry.gov.example:5000/mic/press:1@sha256:" + digest64), nil},
		{"the same without tag and digest", image("registry.gov.example:5000/mic/press"), []string{"images.requireDigest"}},
		{"tag", image("registry.gov.example/mof/tax:1"), []string{"images.requireDigest"}},
		{"longer host", image("mirror.gov.example.evil.example/x@sha256:" + digest64), []string{"images.allowedRegistries"}},
		{"longer segment", image("registry.gov.example/mofa/x@sha256:" + digest64), []string{"images.allowedRegistries"}},
		{"port that is not listed", image("mirror.gov.example:5000/x@sha256:" + digest64), []string{"images.allowedRegistries"}},
		{"another digest", image("mirror.gov.example/x@sha512:" + digest64 + digest64), []string{"images.requireDigest"}},
		{"init container", func(p *corev1.PodSpec) {
			c := *p.Containers[0].DeepCopy()
			c.Image, c.Resources.Limits = "evil.example/x", nil
			p.InitContainers = []corev1.Container{c}
		}, []string{"images.allowedRegistries", "images.requireDigest", "resources.requireLimits"}},
		{"ephemeral container", func(p *corev1.PodSpec) {
			p.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Image: "evil.example/x"}}}
		}, []string{"images.allowedRegistries", "images.requireDigest"}},
		{"no memory limit", func(p *corev1.PodSpec) { delete(p.Containers[0].Resources.Limits, corev1.ResourceMemory) }, []string{"resources.requireLimits"}},
		{"limit of zero", limit(corev1.ResourceMemory, "0"), []string{"resources.requireLimits"}},
		{"at the maximum, written otherwise", limit(corev1.ResourceCPU, "2000m"), nil},
		{"too much cpu", limit(corev1.ResourceCPU, "2001m"), []string{"resources.maxCPU"}},
		{"too much memory", limit(corev1.ResourceMemory, "1100Mi"), []string{"resources.maxMemory"}},
		{"other runtime class", func(p *corev1.PodSpec) { p.RuntimeClassName = ptr.To("runc") }, []string{"isolation.runtimeClassName"}},
		{"no isolation", func(p *corev1.PodSpec) { p.RuntimeClassName, p.NodeSelector = nil, nil }, []string{"isolation.nodePool", "isolation.runtimeClassName"}},
		{"other node pool", func(p *corev1.PodSpec) { p.NodeSelector[names.LabelNodePool] = "open" }, []string{"isolation.nodePool"}},
	}
	denied := compileAdmission(t, strict)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{
				RuntimeClassName: ptr.To("gvisor"), NodeSelector: map[string]string{names.LabelNodePool: "sensitive"},
				Containers: []corev1.Container{{Name: "portal", Image: "registry.gov.example/mof/tax@sha256:" + digest64, Resources: corev1.ResourceRequirements{
					Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("512Mi")}}}},
			}}
			tt.modify(&pod.Spec)
			if got := denied(pod); !slices.Equal(got, tt.want) {
				t.Errorf("the API server denies %v, want %v", got, tt.want)
			}
			if got := violated(strict, Workload{Template: corev1.PodTemplateSpec{Spec: pod.Spec}}); !slices.Equal(got, tt.want) {
				t.Errorf("the operator finds %v, want %v", got, tt.want)
			}
		})
	}
}

// TestQuotedValues: a value can't leave its string in an expression.
func TestQuotedValues(t *testing.T) {
	p := &Spec{
		Images:    &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{`x"] || true || ["`}},
		Isolation: &v1alpha1.IsolationControl{RuntimeClassName: `" || true || "`, NodePool: `" || true || "`},
	}
	want := []string{"images.allowedRegistries", "isolation.nodePool", "isolation.runtimeClassName"}
	if got := compileAdmission(t, p)(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "evil.example/x"}}}}); !slices.Equal(got, want) {
		t.Errorf("the API server denies %v, want %v", got, want)
	}
}

// violated returns the controls that a workload violates, sorted.
func violated(spec *Spec, w Workload) []string {
	var out []string
	for _, f := range Evaluate(spec, w) {
		out = append(out, f.Control)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// compileAdmission compiles the expressions of a spec as the API server does and
// returns which controls deny a pod, sorted.
func compileAdmission(t *testing.T, spec *Spec) func(*corev1.Pod) []string {
	t.Helper()
	set, err := celenvironment.MustBaseEnvSet(celenvironment.DefaultCompatibilityVersion()).Extend(celenvironment.VersionedOptions{
		IntroducedVersion: celenvironment.DefaultCompatibilityVersion(),
		EnvOptions:        []cel.EnvOption{cel.Variable("object", cel.DynType), cel.Variable("variables", cel.MapType(cel.StringType, cel.DynType))},
	})
	if err != nil {
		t.Fatal(err)
	}
	env := set.NewExpressionsEnv()
	eval := func(expression string, input map[string]any) any {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			t.Fatalf("%s: %v", expression, issues.Err())
		}
		program, err := env.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := program.Eval(input)
		if err != nil {
			// As with failurePolicy Fail.
			return false
		}
		return value.Value()
	}
	return func(pod *corev1.Pod) []string {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]any{}
		input := map[string]any{"object": object, "variables": variables}
		for _, v := range Variables() {
			variables[v.Name] = eval(v.Expression, input)
		}
		var denied []string
		for _, v := range Validations("p", spec) {
			if eval(v.Expression, input) != true {
				_, rest, _ := strings.Cut(v.Message, "control ")
				control, _, _ := strings.Cut(rest, ":")
				denied = append(denied, control)
			}
		}
		slices.Sort(denied)
		return denied
	}
}
