package threats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat15_GuardsHoldWithoutOperator stops the operator and lets somebody
// with every right in the namespace make pods in every way that there is, and
// then the cluster's own controllers on behalf of a break-glass user.
// Fails when agency-namespace-objects does not exist; when a SecurityPolicy
// gets no admission policy; when the namespace has no pod-security labels.
func TestThreat15_GuardsHoldWithoutOperator(t *testing.T) {
	operate(t)
	newAgency(t, "t15")
	policy := harness.Policy("t15", "t15", allow(registry))
	env.Create(t, policy)
	env.WaitReady(t, policy)
	attacker := fullRights(t, "t15")
	awaitAdmission(t, "a forbidden image", func() error {
		return env.Admin.Create(t.Context(), rawPod("t15", "canary", evil), client.DryRunAll)
	})
	stopOperator(t)

	pod := rawPod("t15", "x", harness.Image)
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: pod.Spec}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
	job := batchv1.JobSpec{Template: *template.DeepCopy()}
	job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	for _, o := range []client.Object{
		pod,
		&appsv1.Deployment{ObjectMeta: in("t15", "x"), Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
		&appsv1.ReplicaSet{ObjectMeta: in("t15", "x"), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
		&appsv1.StatefulSet{ObjectMeta: in("t15", "x"), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}},
		&appsv1.DaemonSet{ObjectMeta: in("t15", "x"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}},
		&corev1.ReplicationController{ObjectMeta: in("t15", "x"), Spec: corev1.ReplicationControllerSpec{Selector: selector.MatchLabels, Template: &template}},
		&batchv1.Job{ObjectMeta: in("t15", "x"), Spec: job},
		&batchv1.CronJob{ObjectMeta: in("t15", "x"), Spec: batchv1.CronJobSpec{Schedule: "* * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
		&corev1.Service{ObjectMeta: in("t15", "x"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		&corev1.ServiceAccount{ObjectMeta: in("t15", "x")},
		&corev1.Endpoints{ObjectMeta: in("t15", "x")}, //nolint:staticcheck // still an API
		&discoveryv1.EndpointSlice{ObjectMeta: in("t15", "x"), AddressType: "IPv4"},
		&networkingv1.Ingress{ObjectMeta: in("t15", "x"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "x", Port: networkingv1.ServiceBackendPort{Number: 80}}}}},
		&rbacv1.RoleBinding{ObjectMeta: in("t15", "x"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "careless"}},
	} {
		kind := strings.TrimPrefix(fmt.Sprintf("%T", o), "*")
		refused(t, kind, attacker.Create(t.Context(), o.DeepCopyObject().(client.Object)), byObjectPolicy)
		absent(t, o)
	}
	for _, guard := range []client.Object{
		harness.Stored(t, env, &corev1.ResourceQuota{ObjectMeta: in("t15", "agency-quota")}), harness.Stored(t, env, &corev1.LimitRange{ObjectMeta: in("t15", "agency-limits")}),
		harness.Stored(t, env, &rbacv1.RoleBinding{ObjectMeta: in("t15", "agency-admins")}),
	} {
		changed := guard.DeepCopyObject().(client.Object)
		refused(t, "patch", attacker.Patch(t.Context(), changed, harness.MergePatch(`{"metadata":{"labels":{"mallory":"was-here"}}}`)), byObjectPolicy)
		refused(t, "delete", attacker.Delete(t.Context(), changed), byObjectPolicy)
		if _, counted := guard.(*corev1.ResourceQuota); !counted {
			untouched(t, guard)
		}
	}

	// Nobody is exempt from the authority's standard and from pod security.
	refused(t, "forbidden image", env.Admin.Create(t.Context(), rawPod("t15", "x", evil)), "control images.allowedRegistries")
	privileged := rawPod("t15", "x", harness.Image)
	privileged.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	refused(t, "privileged", env.Admin.Create(t.Context(), privileged), "PodSecurity")
	rs := &appsv1.ReplicaSet{ObjectMeta: in("t15", "controlled"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(1)), Selector: selector, Template: *template.DeepCopy()}}
	rs.Spec.Template.Spec.Containers[0].Image = evil
	env.Create(t, rs)
	harness.Eventually(t, func() error {
		for _, c := range harness.Stored(t, env, rs).Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && strings.Contains(c.Message, "control images.allowedRegistries") {
				return nil
			}
		}
		return errors.New("the ReplicaSet reports no refusal")
	})
	if pods := podsOf(t, "t15"); len(pods) > 0 {
		t.Errorf("pod %s exists", pods[0].Name)
	}
	forged := harness.Portal("t15", "x", func(p *v1alpha1.AgencyPortal) { p.Spec.Image = "nginx" })
	if err := attacker.Create(t.Context(), forged); !apierrors.IsInvalid(err) {
		t.Errorf("an invalid portal gives %v", err)
	}
}

// TestThreat25_TenantNetworkPolicies tries to open a hole next to the guards,
// or to change one of them, first as an ordinary agency administrator and then
// with every right in the namespace, while the operator is down.
// Fails when networkpolicies are left out of agency-namespace-objects; when the
// agency's ClusterRole may write them.
func TestThreat25_TenantNetworkPolicies(t *testing.T) {
	operate(t)
	newAgency(t, "t25")
	portal := harness.Portal("t25", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	// Eve is an agency administrator like the others, mallory got more.
	eve, careless := as(t, "eve@t25", "t25-admins", "system:authenticated"), fullRights(t, "t25")
	stopOperator(t)
	before := policiesOf(t, "t25")
	if len(before) != 3 {
		t.Fatalf("%d network policies, want default-deny, portal-deny and portal-base", len(before))
	}
	hole := &networkingv1.NetworkPolicy{ObjectMeta: in("t25", "hole"), Spec: networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{}}, Egress: []networkingv1.NetworkPolicyEgressRule{{}},
		PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"},
	}}
	disguised := hole.DeepCopy()
	disguised.Name = "disguised"
	disguised.Labels = map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerUID: string(portal.UID), names.LabelOwnerKind: "AgencyPortal", names.LabelOwnerName: "portal"}

	for c, by := range map[client.Client]string{eve: `User "eve@t25" cannot`, careless: byObjectPolicy} {
		refused(t, "create", c.Create(t.Context(), hole.DeepCopy()), by)
		refused(t, "create disguised", c.Create(t.Context(), disguised.DeepCopy()), by)
		for i := range before {
			p := before[i].DeepCopy()
			refused(t, "open "+p.Name, c.Patch(t.Context(), p, harness.MergePatch(`{"spec":{"ingress":[{}],"egress":[{}]}}`)), by)
			refused(t, "release "+p.Name, c.Patch(t.Context(), p, harness.MergePatch(`{"metadata":{"finalizers":null}}`)), by)
			refused(t, "delete "+p.Name, c.Delete(t.Context(), p), by)
		}
		refused(t, "delete all", c.DeleteAllOf(t.Context(), &networkingv1.NetworkPolicy{}, client.InNamespace(hole.Namespace)), by)
	}
	if n := len(policiesOf(t, "t25")); n != len(before) {
		t.Errorf("%d network policies, had %d", n, len(before))
	}
	for i := range before {
		untouched(t, &before[i])
	}
}

// TestThreat25_KindsOfNetworkPlugins tries to get around the guards with the
// kinds of the usual network plug-ins and gateways: their policies are read
// before those of Kubernetes or next to them, and redirections, routes and
// further networks lead around them.
// Fails when agency-namespace-objects has no rule for what is created.
func TestThreat25_KindsOfNetworkPlugins(t *testing.T) {
	operate(t)
	newAgency(t, "u25")
	attacker := fullRights(t, "u25")
	kinds := []struct{ group, version, kind, plural string }{
		{"cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies"},
		{"cilium.io", "v2", "CiliumLocalRedirectPolicy", "ciliumlocalredirectpolicies"},
		{"cilium.io", "v2", "CiliumEnvoyConfig", "ciliumenvoyconfigs"},
		{"crd.antrea.io", "v1beta1", "NetworkPolicy", "networkpolicies"},
		{"crd.projectcalico.org", "v1", "NetworkPolicy", "networkpolicies"},
		{"crd.projectcalico.org", "v1", "NetworkSet", "networksets"},
		{"projectcalico.org", "v3", "NetworkPolicy", "networkpolicies"},
		{"k8s.ovn.org", "v1", "EgressFirewall", "egressfirewalls"},
		{"k8s.ovn.org", "v1", "EgressService", "egressservices"},
		{"k8s.ovn.org", "v1", "UserDefinedNetwork", "userdefinednetworks"},
		{"k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition", "network-attachment-definitions"},
		{"k8s.cni.cncf.io", "v1beta1", "MultiNetworkPolicy", "multi-networkpolicies"},
		{"gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"},
		{"gateway.networking.k8s.io", "v1beta1", "ReferenceGrant", "referencegrants"},
		{"gateway.networking.x-k8s.io", "v1alpha1", "XListenerSet", "xlistenersets"},
	}
	for _, k := range kinds {
		define(t, k.group, k.version, k.kind, k.plural)
	}
	for _, k := range kinds {
		t.Run(k.kind+"."+k.group, func(t *testing.T) {
			o := &unstructured.Unstructured{}
			o.SetAPIVersion(k.group + "/" + k.version)
			o.SetKind(k.kind)
			o.SetNamespace(names.Namespace("u25"))
			o.SetName("hole")
			// Whoever is exempt can write it, so what refuses mallory is the policy and not the kind.
			harness.Eventually(t, func() error { return env.Admin.Create(t.Context(), o.DeepCopy(), client.DryRunAll) })
			refused(t, "create", attacker.Create(t.Context(), o), byObjectPolicy)
		})
	}
}

// define adds a kind to the API server for the duration of a test, which it may
// take a moment to serve.
func define(t *testing.T, group, version, kind, plural string) {
	t.Helper()
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group, "annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, for a test"}},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced", "names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)},
			"versions": []any{map[string]any{
				"name": version, "served": true, "storage": true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema":       map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	}}
	env.Create(t, crd)
	t.Cleanup(func() {
		// Other tests list all kinds, and one that is going can't be listed.
		for range 1200 {
			_ = env.Admin.Delete(context.Background(), crd)
			if err := env.Admin.Get(context.Background(), client.ObjectKeyFromObject(crd), crd.DeepCopy()); apierrors.IsNotFound(err) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Error("the definition does not go")
	})
}
