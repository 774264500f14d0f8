package threats

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/test/harness"
)

const (
	byConnectPolicy     = "govplatform-agency-namespace-connect"
	byNodeConnectPolicy = "govplatform-node-connect"
	bySecretPolicy      = "govplatform-agency-namespace-secrets"
)

// TestThreat44_TypesOfSecrets is an agency's administrator and makes Secrets of
// all types.
// Fails when agency-namespace-secrets does not exist: Kubernetes fills in a
// token of the namespace's account.
func TestThreat44_TypesOfSecrets(t *testing.T) {
	operate(t)
	newAgency(t, "t44")
	admin := mallory(t, "t44")
	harness.Eventually(t, func() error {
		return env.Admin.Get(t.Context(), client.ObjectKey{Namespace: "agency-t44", Name: "default"}, &corev1.ServiceAccount{})
	})
	secret := func(kind string, data map[string]string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: in("t44", "x"), Type: corev1.SecretType(kind), StringData: data}
		s.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
		return s
	}
	for kind, data := range map[string]map[string]string{
		"": nil, "Opaque": nil,
		"kubernetes.io/tls":              {"tls.crt": "", "tls.key": ""},
		"kubernetes.io/dockerconfigjson": {".dockerconfigjson": "{}"},
		"kubernetes.io/dockercfg":        {".dockercfg": "{}"},
		"kubernetes.io/basic-auth":       {"username": "u", "password": "p"},
		"kubernetes.io/ssh-auth":         {"ssh-privatekey": "k"},
		"servicebinding.io/postgresql":   {"host": "h"},
		"helm.sh/release.v1":             nil,
		"example.gov.vn/database":        nil,
	} {
		if err := admin.Create(t.Context(), secret(kind, data), client.DryRunAll); err != nil {
			t.Errorf("type %q is refused: %v", kind, err)
		}
	}
	for _, kind := range []string{
		"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "kubernetes.io/anything", "node.kubernetes.io/x",
		"k8s.io/x", "apps.k8s.io/x", "Kubernetes.io/service-account-token", "opaque", "token", "/x", "localhost/x",
	} {
		refused(t, kind, admin.Create(t.Context(), secret(kind, nil)), bySecretPolicy)
	}
	absent(t, secret("", nil))

	// One from before the guard is not changed either: the account that it names could be another.
	old := secret("kubernetes.io/service-account-token", nil)
	old.Name = "old"
	env.Create(t, old)
	harness.Eventually(t, func() error {
		return admin.Get(t.Context(), client.ObjectKeyFromObject(old), &corev1.Secret{})
	})
	refused(t, "update", admin.Patch(t.Context(), old.DeepCopy(), harness.MergePatch(`{"metadata":{"annotations":{"kubernetes.io/service-account.name":"portal"}}}`)), bySecretPolicy)
	if err := admin.Delete(t.Context(), old.DeepCopy()); err != nil {
		t.Errorf("it can't be removed: %v", err)
	}
}

// TestThreat44_ConnectIsClosed has every right in the namespace, and the proxy
// of nodes, and tries to enter a pod or to reach it through the API server.
// Fails when agency-namespace-connect or node-connect does not exist.
func TestThreat44_ConnectIsClosed(t *testing.T) {
	operate(t)
	newAgency(t, "u44")
	portal := harness.Portal("u44", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	fullRights(t, "u44")
	grant(t, "u44-nodes", malloryOf("u44"), rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes/proxy", "nodes/metrics", "nodes/exec"}, Verbs: []string{"*"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/exec", "services/proxy"}, Verbs: []string{"*"}})
	cfg, err := env.ControlPlane.UserConfig(malloryOf("u44"), "u44-admins", "system:authenticated")
	if err != nil {
		t.Fatal(err)
	}
	pod := podsOf(t, "u44")[0]
	inPod, inNode := "/api/v1/namespaces/agency-u44/pods/"+pod.Name, "/api/v1/nodes/"+pod.Spec.NodeName+"/proxy"
	for _, path := range []string{
		inPod + "/exec?command=sh&stdout=true", inPod + "/attach?stdout=true", inPod + "/portforward?ports=8080",
		inPod + "/proxy", inPod + "/proxy/admin", "/api/v1/namespaces/agency-u44/services/portal/proxy", "/api/v1/namespaces/agency-u44/services/http:portal:8080/proxy/admin",
	} {
		for _, verb := range []string{http.MethodGet, http.MethodPost} {
			refused(t, verb+" "+path, connect(t, cfg, verb, path), byConnectPolicy)
		}
	}
	for _, path := range []string{"/exec/agency-u44/" + pod.Name + "/main?command=sh", "/run/agency-u44/" + pod.Name + "/main", "/attach/agency-u44/x/main", "/portForward/agency-u44/x", "/checkpoint/agency-u44/x/main", "//exec//agency-u44/x/main"} {
		refused(t, path, connect(t, cfg, http.MethodPost, inNode+path), byNodeConnectPolicy)
	}

	// What is not an agency's gets as far as it did, and break-glass everywhere.
	for _, path := range []string{inNode + "/metrics", inNode + "/exec/kube-system/x/main", "/api/v1/namespaces/default/pods/x/exec?command=sh", "/api/v1/namespaces/default/services/x/proxy"} {
		if err := connect(t, cfg, http.MethodGet, path); err != nil && strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := connect(t, env.ControlPlane.AdminConfig(), http.MethodGet, inPod+"/exec?command=sh"); err == nil || strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
		t.Errorf("break-glass gets %v, want the failure of a simulated node", err)
	}
}

func connect(t *testing.T, cfg *rest.Config, verb, path string) error {
	t.Helper()
	c, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	return c.RESTClient().Verb(verb).RequestURI(path).Do(ctx).Error()
}

// grant gives a user rights in the whole cluster and waits until they hold.
func grant(t *testing.T, name, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	env.Create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		})
}

// plugins are kinds of well-known plug-ins, and one that nobody knows.
var plugins = []struct{ group, version, kind, plural string }{
	{"cert-manager.io", "v1", "Certificate", "certificates"},
	{"acme.cert-manager.io", "v1", "Challenge", "challenges"},
	{"networking.istio.io", "v1", "VirtualService", "virtualservices"},
	{"gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies"},
	{"keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"},
	{"externaldns.k8s.io", "v1alpha1", "DNSEndpoint", "dnsendpoints"},
	{"cilium.io", "v2", "CiliumEndpoint", "ciliumendpoints"},
	{"crd.antrea.io", "v1alpha2", "ExternalEntity", "externalentities"},
	{"crd.projectcalico.org", "v1", "WorkloadEndpoint", "workloadendpoints"},
	{"traefik.io", "v1alpha1", "IngressRoute", "ingressroutes"},
	{"argoproj.io", "v1alpha1", "Workflow", "workflows"},
	{"kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"},
	{"serving.knative.dev", "v1", "Service", "services"},
	{"servicebinding.io", "v1", "ServiceBinding", "servicebindings"},
	{"made-up.example.org", "v1", "Tunnel", "tunnels"},
}

// TestThreat44_KindsOfPlugins has every right in the namespace, as a person and
// as an account of the namespace, and writes kinds of plug-ins. Then a
// controller of a plug-in does what it was trusted with, and no more.
// Fails when agency-namespace-objects lists what is closed, as it did: all
// fifteen are stored; when a wildcard counts as trust.
func TestThreat44_KindsOfPlugins(t *testing.T) {
	operate(t)
	newAgency(t, "v44")
	attacker := fullRights(t, "v44")
	inside := account(t, "agency-v44", "default")
	env.Create(t, &rbacv1.RoleBinding{
		ObjectMeta: in("v44", "account"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "careless"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "agency-v44", Name: "default"}},
	})
	env.Namespace(t, "plugins-v44")
	for _, name := range []string{"trusted", "wildcard", "untrusted"} {
		env.Create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "plugins-v44", Name: name}})
	}
	everything := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}
	var groups []string
	for _, k := range plugins {
		define(t, k.group, k.version, k.kind, k.plural)
		groups = append(groups, k.group)
	}
	trust := rbacv1.PolicyRule{APIGroups: []string{"platform.gov.vn"}, Resources: []string{"agencynamespaces"}, ResourceNames: []string{"cert-manager.io", "cilium.io", "externaldns.k8s.io"}, Verbs: []string{"write-foreign-kinds"}}
	notes := rbacv1.PolicyRule{APIGroups: []string{"platform.gov.vn"}, Resources: []string{"agencynamespaces"}, ResourceNames: []string{"externaldns.k8s.io"}, Verbs: []string{"write-foreign-status"}}
	kinds := rbacv1.PolicyRule{APIGroups: groups, Resources: []string{"*"}, Verbs: []string{"*"}}
	grant(t, "v44-trusted", "system:serviceaccount:plugins-v44:trusted", trust, notes, kinds)
	grant(t, "v44-wildcard", "system:serviceaccount:plugins-v44:wildcard", trust, notes, everything)
	grant(t, "v44-untrusted", "system:serviceaccount:plugins-v44:untrusted", kinds)
	trusted, wildcard, untrusted := account(t, "plugins-v44", "trusted"), account(t, "plugins-v44", "wildcard"), account(t, "plugins-v44", "untrusted")

	for _, k := range plugins {
		t.Run(k.kind+"."+k.group, func(t *testing.T) {
			o := &unstructured.Unstructured{}
			o.SetAPIVersion(k.group + "/" + k.version)
			o.SetKind(k.kind)
			o.SetNamespace("agency-v44")
			o.SetName("x")
			harness.Eventually(t, func() error { return env.Admin.Create(t.Context(), o.DeepCopy(), client.DryRunAll) })
			for who, c := range map[string]client.Client{"person": attacker, "account": inside, "wildcard": wildcard, "untrusted": untrusted} {
				err := c.Create(t.Context(), o.DeepCopy())
				refused(t, who, err, byObjectPolicy)
				if err != nil && !strings.Contains(err.Error(), k.plural+"."+k.group+" in agency-v44") {
					t.Errorf("the message does not name the kind: %v", err)
				}
			}
			absent(t, o)
			if k.group == "cert-manager.io" {
				return
			}
			refused(t, "trusted with another group", trusted.Create(t.Context(), o.DeepCopy()), byObjectPolicy)
			absent(t, o)
		})
	}

	certificate := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"namespace": "agency-v44", "name": "mine"}}}
	if err := trusted.Create(t.Context(), certificate); err != nil {
		t.Errorf("who is trusted with the group can't write it: %v", err)
	}
	refused(t, "status without the right to it", trusted.Status().Patch(t.Context(), certificate.DeepCopy(), harness.MergePatch(`{"status":{"seen":true}}`)), byObjectPolicy)
	endpoint := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "externaldns.k8s.io/v1alpha1", "kind": "DNSEndpoint", "metadata": map[string]any{"namespace": "agency-v44", "name": "mine"}}}
	env.Create(t, endpoint)
	if err := trusted.Status().Patch(t.Context(), endpoint.DeepCopy(), harness.MergePatch(`{"status":{"seen":true}}`)); err != nil {
		t.Errorf("who is trusted with the status of the group can't write it: %v", err)
	}
	refused(t, "status by others", attacker.Status().Patch(t.Context(), endpoint.DeepCopy(), harness.MergePatch(`{"status":{"seen":false}}`)), byObjectPolicy)
	// Removing harm stays possible.
	for _, o := range []*unstructured.Unstructured{certificate, endpoint} {
		if err := attacker.Delete(t.Context(), o); err != nil {
			t.Errorf("%s can't be removed: %v", o.GetKind(), err)
		}
	}
}

// account acts as a ServiceAccount, which Kubernetes may yet have to make.
func account(t *testing.T, namespace, name string) client.Client {
	t.Helper()
	var cfg *rest.Config
	harness.Eventually(t, func() (err error) {
		cfg, err = env.ControlPlane.ServiceAccountConfig(t.Context(), namespace, name)
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("%s/%s: %w", namespace, name, err)
		}
		return err
	})
	c, err := harness.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
