package apply

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// emitted returns what agencies, portals and standards become.
func emitted() []object.Object {
	most := int32(5)
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "finance", UID: "uid-agency"},
		Spec: v1alpha1.AgencySpec{Code: "G12", DisplayName: "Finance", AdminGroups: []v1alpha1.GroupName{"admins"}}}
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Name: "tax-filing", Namespace: "agency-finance", UID: "uid-portal"},
		Spec: v1alpha1.AgencyPortalSpec{Image: "registry.gov.example/mof/tax:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 2, Max: &most}, Exposure: v1alpha1.ExposureInternal}}
	s := &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "digests", UID: "uid-policy"},
		Spec: v1alpha1.SecurityPolicySpec{Images: &v1alpha1.ImageControl{RequireDigest: true}}}
	return slices.Concat(
		agency.Decide(agency.Input{Settings: settings.Default(), Agency: a}).Objects,
		portal.Decide(portal.Input{Settings: settings.Default(), Agency: a, Portal: p, NamespaceGuarded: true}).Objects,
		securitypolicy.Decide(securitypolicy.Input{Policy: s}).Objects,
	)
}

// emittedAs returns the first object of a type.
func emittedAs[T object.Object]() T {
	for _, o := range emitted() {
		if t, ok := o.(T); ok {
			return t
		}
	}
	panic("the kind is not emitted")
}

func rowOf(t *testing.T, o object.Object) child.Row {
	t.Helper()
	row, ok := child.For(o)
	if !ok {
		t.Fatalf("%T has no row", o)
	}
	return row
}

func TestMergeEqual(t *testing.T) {
	for _, want := range emitted() {
		live := want.DeepCopyObject().(object.Object)
		live.SetResourceVersion("4711")
		live.SetUID("uid-live")
		if _, equal, err := merge(rowOf(t, want), want, live); err != nil || !equal {
			t.Errorf("%s: equal = %v, error %v", key(want), equal, err)
		}
	}
}

// TestMergeMetadata: every kind keeps other people's labels and forces ours.
func TestMergeMetadata(t *testing.T) {
	for _, want := range emitted() {
		t.Run(kindOf(want), func(t *testing.T) {
			foreign := want.DeepCopyObject().(object.Object)
			foreign.GetLabels()["team.example.gov.vn/name"] = "mof"
			foreign.SetAnnotations(mergeKeys(foreign.GetAnnotations(), map[string]string{"note": "ours"}))
			foreign.SetFinalizers(append(foreign.GetFinalizers(), "example.gov.vn/theirs"))
			if _, equal, err := merge(rowOf(t, want), want, foreign); err != nil || !equal {
				t.Errorf("other people's metadata is drift: equal = %v, error %v", equal, err)
			}

			live := foreign.DeepCopyObject().(object.Object)
			live.GetLabels()[names.LabelOwnerUID] = "forged"
			delete(live.GetLabels(), names.LabelManagedBy)
			live.GetLabels()["platform.gov.vn/ignore"] = "true"
			live.GetLabels()["pod-security.kubernetes.io/exempt"] = "true"
			live.SetFinalizers([]string{"example.gov.vn/theirs"})
			live.SetOwnerReferences([]metav1.OwnerReference{{Kind: "Namespace", Name: "evil", UID: "uid-evil"}})
			merged, equal, err := merge(rowOf(t, want), want, live)
			if err != nil || equal {
				t.Fatalf("changed metadata of ours: equal = %v, error %v", equal, err)
			}
			if diff := cmp.Diff(foreign.GetLabels(), merged.GetLabels()); diff != "" {
				t.Errorf("labels differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(foreign.GetAnnotations(), merged.GetAnnotations()); diff != "" {
				t.Errorf("annotations differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.GetOwnerReferences(), merged.GetOwnerReferences()); diff != "" {
				t.Errorf("owner references differ (-want +got):\n%s", diff)
			}
			for _, f := range foreign.GetFinalizers() {
				if !slices.Contains(merged.GetFinalizers(), f) {
					t.Errorf("finalizers are %v, want %s among them", merged.GetFinalizers(), f)
				}
			}
		})
	}
}

// TestMergeSpec changes each kind and wants it repaired, or left where the API
// server or another controller owns the field.
func TestMergeSpec(t *testing.T) {
	container := corev1.Container{Name: "stray", Image: "evil.example/miner"}
	tests := []struct {
		name string
		want object.Object
		// drift makes the live object; kept says what of it stays.
		drift func(live object.Object)
		kept  func(expected object.Object)
	}{
		{"foreign container", emittedAs[*appsv1.Deployment](), func(o object.Object) {
			spec := &o.(*appsv1.Deployment).Spec.Template.Spec
			spec.Containers = append(spec.Containers, container)
		}, nil},
		{"foreign init container", emittedAs[*appsv1.Deployment](), func(o object.Object) {
			o.(*appsv1.Deployment).Spec.Template.Spec.InitContainers = []corev1.Container{container}
		}, nil},
		{"privileged", emittedAs[*appsv1.Deployment](), func(o object.Object) {
			yes := true
			o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].SecurityContext.Privileged = &yes
		}, nil},
		{"label on the pods", emittedAs[*appsv1.Deployment](), func(o object.Object) {
			o.(*appsv1.Deployment).Spec.Template.Labels[names.LabelSecurityLevel] = "1x"
		}, nil},
		{"status", emittedAs[*appsv1.Deployment](), func(o object.Object) { o.(*appsv1.Deployment).Status.Replicas = 3 },
			func(o object.Object) { o.(*appsv1.Deployment).Status.Replicas = 3 }},
		{"autoscaler's replicas", emittedAs[*appsv1.Deployment](), func(o object.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 4 },
			func(o object.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 4 }},
		{"autoscaled, at zero after a suspension", emittedAs[*appsv1.Deployment](), func(o object.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 0 }, nil},
		{"autoscaled, below the least number", emittedAs[*appsv1.Deployment](), func(o object.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 1 }, nil},
		{"fixed replicas", func() object.Object {
			d := emittedAs[*appsv1.Deployment]()
			d.Annotations = nil
			return d
		}(), func(o object.Object) { *o.(*appsv1.Deployment).Spec.Replicas = 4 }, nil},
		{"addresses", emittedAs[*corev1.Service](), func(o object.Object) { addresses(o) }, addresses},
		{"node port", emittedAs[*corev1.Service](), func(o object.Object) {
			addresses(o)
			s := o.(*corev1.Service)
			s.Spec.Type, s.Spec.Ports[0].NodePort, s.Spec.ExternalIPs = corev1.ServiceTypeNodePort, 30080, []string{"192.0.2.1"}
		}, addresses},
		{"other pods", emittedAs[*corev1.Service](), func(o object.Object) { o.(*corev1.Service).Spec.Selector = map[string]string{"app": "evil"} }, nil},
		{"opened policy", emittedAs[*networkingv1.NetworkPolicy](), func(o object.Object) {
			o.(*networkingv1.NetworkPolicy).Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}, nil},
		{"narrowed policy", emittedAs[*networkingv1.NetworkPolicy](), func(o object.Object) {
			o.(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels = map[string]string{"app": "nothing"}
		}, nil},
		{"raised quota", emittedAs[*corev1.ResourceQuota](), func(o object.Object) {
			o.(*corev1.ResourceQuota).Spec.Hard[corev1.ResourcePods] = resource.MustParse("1k")
		}, nil},
		{"quota written otherwise", emittedAs[*corev1.ResourceQuota](), func(o object.Object) {
			o.(*corev1.ResourceQuota).Spec.Hard[corev1.ResourceRequestsCPU] = resource.MustParse("32000m")
		}, func(o object.Object) {
			o.(*corev1.ResourceQuota).Spec.Hard[corev1.ResourceRequestsCPU] = resource.MustParse("32000m")
		}},
		{"limits", emittedAs[*corev1.LimitRange](), func(o object.Object) { o.(*corev1.LimitRange).Spec.Limits = nil }, nil},
		{"bound user", emittedAs[*rbacv1.RoleBinding](), func(o object.Object) {
			b := o.(*rbacv1.RoleBinding)
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", Name: "evil"})
		}, nil},
		{"bound role", emittedAs[*rbacv1.RoleBinding](), func(o object.Object) { o.(*rbacv1.RoleBinding).RoleRef.Name = "cluster-admin" }, nil},
		{"read role", &rbacv1.Role{Rules: []rbacv1.PolicyRule{{Resources: []string{"datasharinglinks"}, ResourceNames: []string{"one"}, Verbs: []string{"get"}}}},
			func(o object.Object) { o.(*rbacv1.Role).Rules[0].ResourceNames = nil }, nil},
		{"budget", emittedAs[*policyv1.PodDisruptionBudget](), func(o object.Object) { o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = nil }, nil},
		{"autoscaler", emittedAs[*autoscalingv2.HorizontalPodAutoscaler](), func(o object.Object) { o.(*autoscalingv2.HorizontalPodAutoscaler).Spec.MaxReplicas = 500 }, nil},
		{"token", emittedAs[*corev1.ServiceAccount](), func(o object.Object) {
			a := o.(*corev1.ServiceAccount)
			a.AutomountServiceAccountToken, a.Secrets = nil, []corev1.ObjectReference{{Name: "token"}}
			a.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		}, nil},
		{"namespace's finalizers", emittedAs[*corev1.Namespace](), func(o object.Object) {
			o.(*corev1.Namespace).Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
		}, func(o object.Object) {
			o.(*corev1.Namespace).Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
		}},
		{"pod security", emittedAs[*corev1.Namespace](), func(o object.Object) { o.GetLabels()["pod-security.kubernetes.io/enforce"] = "privileged" }, nil},
		{"admission policy", emittedAs[*admissionv1.ValidatingAdmissionPolicy](), func(o object.Object) {
			o.(*admissionv1.ValidatingAdmissionPolicy).Spec.Validations[0].Expression = "true"
		}, nil},
		{"admission binding", emittedAs[*admissionv1.ValidatingAdmissionPolicyBinding](), func(o object.Object) {
			o.(*admissionv1.ValidatingAdmissionPolicyBinding).Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		}, nil},
	}
	for _, tt := range tests {
		t.Run(kindOf(tt.want)+"/"+tt.name, func(t *testing.T) {
			live, expected := tt.want.DeepCopyObject().(object.Object), tt.want.DeepCopyObject().(object.Object)
			tt.drift(live)
			if tt.kept != nil {
				tt.kept(expected)
			}
			merged, equal, err := merge(rowOf(t, tt.want), tt.want, live)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected, merged); diff != "" {
				t.Errorf("merged object differs (-want +got):\n%s", diff)
			}
			if want := cmp.Equal(expected, live); equal != want {
				t.Errorf("equal = %v, want %v", equal, want)
			}
		})
	}
}

// addresses are what the API server allocates.
func addresses(o object.Object) {
	family := corev1.IPFamilyPolicySingleStack
	spec := &o.(*corev1.Service).Spec
	spec.ClusterIP, spec.ClusterIPs = "10.0.0.7", []string{"10.0.0.7"}
	spec.IPFamilies, spec.IPFamilyPolicy = []corev1.IPFamily{corev1.IPv4Protocol}, &family
}
