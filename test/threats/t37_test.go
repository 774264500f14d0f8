package threats

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// statused makes one object of each kind of Kubernetes that has a status and
// runs or bounds something, beside those of a portal.
func statused(t *testing.T, agency string) []client.Object {
	t.Helper()
	portal := harness.Portal(agency, "portal", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min, p.Spec.Replicas.Max = 2, ptr.To(int32(3)) })
	env.Create(t, portal)
	harness.Eventually(t, func() error {
		return env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), &autoscalingv2.HorizontalPodAutoscaler{})
	})
	pod := rawPod(agency, "x", harness.Image)
	pod.Labels = map[string]string{"app": "x"}
	pod.Spec.SchedulerName = "nobody"
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "y"}}, Spec: pod.Spec}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "y"}}
	job := batchv1.JobSpec{Suspend: ptr.To(true), Template: *template.DeepCopy()}
	job.Template.Labels, job.Template.Spec.RestartPolicy = nil, corev1.RestartPolicyNever
	none := ptr.To(int32(0))
	made := []client.Object{
		pod,
		&appsv1.ReplicaSet{ObjectMeta: in(agency, "x"), Spec: appsv1.ReplicaSetSpec{Replicas: none, Selector: selector, Template: template}},
		&appsv1.StatefulSet{ObjectMeta: in(agency, "x"), Spec: appsv1.StatefulSetSpec{Replicas: none, Selector: selector, Template: template}},
		&corev1.ReplicationController{ObjectMeta: in(agency, "x"), Spec: corev1.ReplicationControllerSpec{Replicas: none, Selector: selector.MatchLabels, Template: &template}},
		&batchv1.Job{ObjectMeta: in(agency, "x"), Spec: job},
		&batchv1.CronJob{ObjectMeta: in(agency, "x"), Spec: batchv1.CronJobSpec{Suspend: ptr.To(true), Schedule: "* * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
		&networkingv1.Ingress{ObjectMeta: in(agency, "x"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "x", Port: networkingv1.ServiceBackendPort{Number: 80}}}}},
	}
	env.Create(t, made...)
	return append(made,
		&appsv1.Deployment{ObjectMeta: in(agency, "portal")}, &corev1.Service{ObjectMeta: in(agency, "portal")},
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: in(agency, "portal")}, &corev1.ResourceQuota{ObjectMeta: in(agency, "agency-quota")},
		&policyv1.PodDisruptionBudget{ObjectMeta: in(agency, "portal")})
}

// TestThreat37_StatusIsNoDoor has every right in the namespace, writes the
// status of everything, and with it labels, owners, finalizers and addresses.
// Fails when agency-namespace-objects lists kinds without their status, as it
// did: every patch is stored, a foreign pod's label among them.
func TestThreat37_StatusIsNoDoor(t *testing.T) {
	operate(t)
	newAgency(t, "t37")
	objects := statused(t, "t37")
	attacker := fullRights(t, "t37")
	for _, o := range objects {
		harness.Stored(t, env, o)
		for what, patch := range map[string]string{
			"label":     `{"metadata":{"labels":{"platform.gov.vn/portal":"portal","mallory":"was-here"}}}`,
			"owner":     `{"metadata":{"ownerReferences":[]}}`,
			"finalizer": `{"metadata":{"finalizers":["example.org/kept"]}}`,
			"status":    `{"status":{"conditions":[]}}`,
		} {
			refused(t, what+" of "+o.GetName(), attacker.Status().Patch(t.Context(), o.DeepCopyObject().(client.Object), harness.MergePatch(patch)), byPolicies)
		}
		if after := harness.Stored(t, env, o); after.GetLabels()["mallory"] != "" || len(after.GetFinalizers()) > 0 {
			t.Errorf("%T became %v %v", o, after.GetLabels(), after.GetFinalizers())
		}
	}
	pod := harness.Stored(t, env, &corev1.Pod{ObjectMeta: in("t37", "x")})
	refused(t, "address", attacker.Status().Patch(t.Context(), pod, harness.MergePatch(`{"status":{"podIP":"198.51.100.7","podIPs":[{"ip":"198.51.100.7"}]}}`)), byObjectPolicy)
	if ip := harness.Stored(t, env, pod).Status.PodIP; ip != "" {
		t.Errorf("the pod has the address %s", ip)
	}
}

// TestThreat37_ControllersWriteStatusOnly is one of those who may write status.
// Fails when agency-namespace-status does not exist: the finalizer and the
// annotation are stored.
func TestThreat37_ControllersWriteStatusOnly(t *testing.T) {
	operate(t)
	newAgency(t, "u37")
	portal := harness.Portal("u37", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	controller := as(t, "system:serviceaccount:kube-system:deployment-controller")
	deployment := harness.Stored(t, env, &appsv1.Deployment{ObjectMeta: in("u37", "portal")})
	write := func(change func(*appsv1.Deployment), opts ...client.SubResourceUpdateOption) error {
		return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			d := harness.Stored(t, env, deployment.DeepCopy())
			change(d)
			return controller.Status().Update(t.Context(), d, opts...)
		})
	}
	for what, change := range map[string]func(*appsv1.Deployment){
		"finalizer": func(d *appsv1.Deployment) { d.Finalizers = []string{"example.org/kept"} },
		"owner":     func(d *appsv1.Deployment) { d.OwnerReferences = nil },
		"note":      func(d *appsv1.Deployment) { d.Annotations["platform.gov.vn/note"] = "x" },
	} {
		refused(t, what, write(change), byStatusDoor)
	}
	if after := harness.Stored(t, env, deployment.DeepCopy()); len(after.Finalizers) > 0 || len(after.OwnerReferences) != 1 || after.Annotations["platform.gov.vn/note"] != "" {
		t.Errorf("the Deployment became %+v", after.ObjectMeta)
	}
	if err := write(func(d *appsv1.Deployment) { d.Annotations["deployment.kubernetes.io/revision"] = "7" }, client.DryRunAll); err != nil {
		t.Errorf("the controller's own annotation, which it writes through status, is refused: %v", err)
	}
}

// TestThreat37_OtherSubresources tries what else leads to a pod: scale, debug
// containers, resize, binding, and removing everything at once.
// Fails when the subresource is not matched; for deletecollection when DELETE
// is not.
func TestThreat37_OtherSubresources(t *testing.T) {
	operate(t)
	newAgency(t, "v37")
	objects := statused(t, "v37")
	attacker := fullRights(t, "v37")
	pod := harness.Stored(t, env, &corev1.Pod{ObjectMeta: in("v37", "x")})
	for _, o := range []client.Object{&appsv1.Deployment{ObjectMeta: in("v37", "portal")}, &appsv1.ReplicaSet{ObjectMeta: in("v37", "x")}, &appsv1.StatefulSet{ObjectMeta: in("v37", "x")}, &corev1.ReplicationController{ObjectMeta: in("v37", "x")}} {
		scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName()}, Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
		refused(t, "scale", attacker.SubResource("scale").Update(t.Context(), o, client.WithSubResourceBody(scale)), byObjectPolicy)
	}
	refused(t, "debug container", attacker.SubResource("ephemeralcontainers").Patch(t.Context(), pod.DeepCopy(), harness.MergePatch(`{"spec":{"ephemeralContainers":[{"name":"debug","image":"example","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}`)), byObjectPolicy)
	refused(t, "resize", attacker.SubResource("resize").Patch(t.Context(), pod.DeepCopy(), client.RawPatch("application/strategic-merge-patch+json", []byte(`{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"900m"}}}]}}`))), byObjectPolicy)
	refused(t, "binding", attacker.SubResource("binding").Create(t.Context(), pod.DeepCopy(), &corev1.Binding{ObjectMeta: in("v37", "x"), Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}), byObjectPolicy)

	// A node is drained by who may evict everywhere; a right in one namespace is none.
	evict := func(c client.Client) error {
		return c.SubResource("eviction").Create(t.Context(), pod.DeepCopy(), &policyv1.Eviction{ObjectMeta: in("v37", "x")}, client.DryRunAll)
	}
	refused(t, "eviction", evict(attacker), byObjectPolicy)
	env.Create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "drainer"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "drainer"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "drainer"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "drainer"}},
		})
	drainer := as(t, "drainer")
	harness.Eventually(t, func() error { return evict(drainer) })

	for _, o := range objects {
		refused(t, "delete all", attacker.DeleteAllOf(t.Context(), o.DeepCopyObject().(client.Object), client.InNamespace("agency-v37")), byObjectPolicy)
		if after := harness.Stored(t, env, o); after.GetDeletionTimestamp() != nil {
			t.Errorf("%T is going", o)
		}
	}
}
