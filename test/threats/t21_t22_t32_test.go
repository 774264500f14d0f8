package threats

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat21_EveryContainer breaks each rule in a container of each kind, as
// a user whom only the authority's standard binds.
// Fails when the admission policy looks at spec.containers only; when it leaves
// out pods/ephemeralcontainers; when it leaves out pods/resize; when a limit of
// zero, which is none, passes for a limit.
func TestThreat21_EveryContainer(t *testing.T) {
	operate(t)
	newAgency(t, "t21")
	one, giga := resource.MustParse("1"), resource.MustParse("1Gi")
	policy := harness.Policy("t21", "t21", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{registry}, RequireDigest: true}
		p.Spec.Resources = &v1alpha1.ResourceControl{RequireLimits: true, MaxCPU: &one, MaxMemory: &giga}
	})
	env.Create(t, policy)
	env.WaitReady(t, policy)
	portal := harness.Portal("t21", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	awaitAdmission(t, "a forbidden image", func() error {
		return env.Admin.Create(t.Context(), rawPod("t21", "canary", evil), client.DryRunAll)
	})

	limits := func(c *corev1.Container, cpu, memory string) {
		c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
		c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("0"), "memory": resource.MustParse("0")}
	}
	faults := map[string]struct {
		control string
		spoil   func(*corev1.Container)
	}{
		"registry":  {"images.allowedRegistries", func(c *corev1.Container) { c.Image = evil }},
		"digest":    {"images.requireDigest", func(c *corev1.Container) { c.Image = registry + "/a:1" }},
		"cpu":       {"resources.maxCPU", func(c *corev1.Container) { limits(c, "1001m", "1Gi") }},
		"memory":    {"resources.maxMemory", func(c *corev1.Container) { limits(c, "1", "1025Mi") }},
		"unlimited": {"resources.", func(c *corev1.Container) { limits(c, "0", "0") }},
	}
	places := map[string]func(*corev1.PodSpec, corev1.Container){
		"regular": func(s *corev1.PodSpec, c corev1.Container) { s.Containers = append(s.Containers, c) },
		"init":    func(s *corev1.PodSpec, c corev1.Container) { s.InitContainers = append(s.InitContainers, c) },
		"sidecar": func(s *corev1.PodSpec, c corev1.Container) {
			c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
			s.InitContainers = append(s.InitContainers, c)
		},
	}
	for place, put := range places {
		for fault, f := range faults {
			pod := rawPod("t21", place+"-"+fault, harness.Image)
			limits(&pod.Spec.Containers[0], "1", "512Mi")
			good := pod.DeepCopy()
			c := container("extra", harness.Image)
			limits(&c, "1", "512Mi")
			put(&good.Spec, *c.DeepCopy())
			if err := env.Admin.Create(t.Context(), good, client.DryRunAll); err != nil {
				t.Errorf("%s without a fault is refused: %v", place, err)
			}
			f.spoil(&c)
			put(&pod.Spec, c)
			refused(t, place+", "+fault, env.Admin.Create(t.Context(), pod), "SecurityPolicy t21, control "+f.control)
			absent(t, pod)
		}
	}

	debugged := podsOf(t, "t21")[0]
	debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "debug", Image: evil, SecurityContext: container("", "").SecurityContext,
	}}}
	refused(t, "ephemeral", env.Admin.SubResource("ephemeralcontainers").Update(t.Context(), &debugged), "control images.allowedRegistries")
	if got := harness.Stored(t, env, &corev1.Pod{ObjectMeta: in("t21", debugged.Name)}); len(got.Spec.EphemeralContainers) > 0 {
		t.Errorf("the pod has an ephemeral container: %+v", got.Spec)
	}
	// The simulated nodes can't resize, a pod that waits for a node can.
	waiting := rawPod("t21", "waiting", harness.Image)
	waiting.Spec.NodeSelector = map[string]string{"no": "where"}
	limits(&waiting.Spec.Containers[0], "1", "512Mi")
	env.Create(t, waiting)
	harness.Eventually(t, func() error {
		resized := harness.Stored(t, env, waiting).DeepCopy()
		limits(&resized.Spec.Containers[0], "8", "512Mi")
		err := env.Admin.SubResource("resize").Update(t.Context(), resized)
		if apierrors.IsConflict(err) {
			return err // the scheduler has written its status
		}
		refused(t, "resize", err, "control resources.maxCPU")
		return nil
	})
	if got := harness.Stored(t, env, waiting); got.Spec.Containers[0].Resources.Limits.Cpu().Cmp(one) > 0 {
		t.Errorf("the pod was resized: %+v", got.Spec)
	}
}

// TestThreat22_PortalRecreated deletes a portal and creates it again before
// anything of the first is gone, as "kubectl replace --force" does: nothing is
// handed over, and the new one comes up by itself.
// Fails when the guards of a portal that was replaced are not released.
func TestThreat22_PortalRecreated(t *testing.T) {
	operate(t)
	newAgency(t, "t22")
	attacker := mallory(t, "t22")
	first := harness.Portal("t22", "portal", small)
	if err := attacker.Create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, first)
	log := record(t, "t22")
	stopOperator(t) // so that the second is there before the first is noticed to be gone
	if err := attacker.Delete(t.Context(), first.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	second := harness.Portal("t22", "portal", small)
	if err := attacker.Create(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	operate(t)
	env.WaitReady(t, second)
	children, err := env.Children(t.Context(), func(o client.Object) bool {
		return o.GetNamespace() == "agency-t22" && o.GetLabels()[names.LabelPortal] == "portal"
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(children) < 5 {
		t.Errorf("only %d children", len(children))
	}
	for _, c := range children {
		if c.GetLabels()[names.LabelOwnerUID] != string(second.UID) || len(c.GetOwnerReferences()) != 1 || c.GetOwnerReferences()[0].UID != second.UID {
			t.Errorf("%T %s belongs to %v %v, want %s", c, c.GetName(), c.GetLabels()[names.LabelOwnerUID], c.GetOwnerReferences(), second.UID)
		}
	}
	log.alwaysGuarded(t)
}

// TestThreat22_AgencyRecreated loses an agency without its namespace, as when
// somebody strips the finalizer, and creates one of the same name: the second
// does not inherit the namespace of the first.
// Fails when Owns compares names.
func TestThreat22_AgencyRecreated(t *testing.T) {
	operate(t)
	first := newAgency(t, "u22")
	portal := harness.Portal("u22", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "agency-u22"}})
	deny := policiesOf(t, "u22")
	stopOperator(t)
	env.Merge(t, first, `{"metadata":{"finalizers":null}}`)
	if err := env.Admin.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := harness.Agency("u22", "U22", func(a *v1alpha1.Agency) { a.Spec.AdminGroups = []v1alpha1.GroupName{"others"} })
	env.Create(t, second)
	op := operate(t)
	env.WaitCondition(t, second, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceOrphaned)
	// The portal's present workload is neither stopped nor changed meanwhile,
	// and a new one does not start in a namespace that is not the agency's.
	fresh := harness.Portal("u22", "fresh", small)
	env.Create(t, fresh)
	env.WaitCondition(t, fresh, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAgencyNotReady)
	absent(t, &appsv1.Deployment{ObjectMeta: in("u22", "fresh")})
	op.WaitQuiet(t, time.Second)
	untouched(t, ns)
	for i := range deny {
		untouched(t, &deny[i])
	}
	if err := env.Admin.Delete(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	// Removing the second agency must not remove what is the first one's.
	if err := env.Admin.Delete(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	if err := env.Admin.Delete(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, second)
	untouched(t, ns)
	if err := env.Admin.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
}

// TestThreat22_SameNameElsewhere has one portal name in two agencies and
// removes one of the two.
// Fails when the owner label's name decides without the namespace.
func TestThreat22_SameNameElsewhere(t *testing.T) {
	operate(t)
	newAgency(t, "v22")
	newAgency(t, "w22")
	one, two := harness.Portal("v22", "portal", small), harness.Portal("w22", "portal", small)
	env.Create(t, one, two)
	env.WaitReady(t, one, two)
	policies := policiesOf(t, "w22")
	deployment := harness.Stored(t, env, &appsv1.Deployment{ObjectMeta: in("w22", "portal")})
	if err := env.Admin.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if n := len(podsOf(t, "v22")) + len(policiesOf(t, "v22")); n != 1 {
			return fmt.Errorf("%d pods and policies are left, want the default deny", n)
		}
		return nil
	})
	for i := range policies {
		untouched(t, &policies[i])
	}
	untouched(t, deployment)
	env.WaitReady(t, two)
}

// TestThreat32_NoIgnoreLabel tries every word by which some operator or tool is
// told to look away.
// Fails when the shared loop skips objects with one of these labels or annotations.
func TestThreat32_NoIgnoreLabel(t *testing.T) {
	operate(t)
	newAgency(t, "t32")
	policy := harness.Policy("t32", "t32", allow(registry))
	env.Create(t, policy)
	env.WaitReady(t, policy)
	marks := map[string]string{}
	for _, domain := range []string{"platform.gov.vn", "govplatform", "govplatform.io", "skiperator.kartverket.no", "nais.io", "cluster.x-k8s.io"} {
		for _, word := range []string{"ignore", "paused", "pause", "skip", "exclude", "unmanaged", "exempt", "disabled"} {
			marks[domain+"/"+word] = "true"
		}
	}
	marks["ignore"], marks["paused"] = "true", "true"
	maps.Copy(marks, map[string]string{
		"platform.gov.vn/reconcile": "disabled", "kustomize.toolkit.fluxcd.io/reconcile": "disabled", "helm.toolkit.fluxcd.io/driftDetection": "disabled",
		"argocd.argoproj.io/compare-options": "IgnoreExtraneous", "admission.gatekeeper.sh/ignore": "true", "policies.kyverno.io/exclude": "true",
		"platform.gov.vn/mode": "Audit", "platform.gov.vn/policy": "none", names.LabelManagedBy: "Helm", "app.kubernetes.io/part-of": "kube-system",
	})
	labels := maps.Clone(marks)
	maps.DeleteFunc(labels, func(_, v string) bool { return strings.Contains(v, " ") })
	attacker := mallory(t, "t32")
	ignore := func(p *v1alpha1.AgencyPortal) { p.Labels, p.Annotations = labels, marks }
	violator := harness.Portal("t32", "violator", image(evil), ignore)
	portal := harness.Portal("t32", "portal", small, ignore)
	for _, p := range []*v1alpha1.AgencyPortal{violator, portal} {
		if err := attacker.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	env.WaitCondition(t, violator, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	absent(t, &appsv1.Deployment{ObjectMeta: in("t32", "violator")})
	env.WaitReady(t, portal)

	// Marks on a child, which only somebody with the keys could set, save it
	// neither from repair nor from removal.
	d := &appsv1.Deployment{ObjectMeta: in("t32", "portal")}
	env.Edit(t, d, func() {
		for k, v := range labels {
			if k != names.LabelManagedBy {
				d.Labels[k] = v
			}
		}
		d.Spec.Template.Spec.Containers[0].Image = evil
	})
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, d).Spec.Template.Spec.Containers[0].Image; got != harness.Image {
			return fmt.Errorf("the image is %s", got)
		}
		return nil
	})
	env.Merge(t, policy, `{"spec":{"images":{"allowedRegistries":["elsewhere.example"]}}}`)
	harness.Eventually(t, func() error {
		err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(d), d)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("the workload outlives the policy that forbids it"), err)
	})
}
