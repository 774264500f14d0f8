package threats

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// clusterScoped returns every cluster-scoped object of the API server, of
// whatever kind.
func clusterScoped(t *testing.T) map[string]bool {
	t.Helper()
	cfg := env.ControlPlane.AdminConfig()
	cfg.QPS = -1
	d, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := metadata.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := d.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.APIResources {
			// The API server itself keeps one IPAddress for each Service.
			if r.Namespaced || !slices.Contains(r.Verbs, "list") || r.Name == "componentstatuses" || r.Name == "ipaddresses" {
				continue
			}
			items, err := m.Resource(gv.WithResource(r.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list %s: %v", r.Name, err)
			}
			for _, i := range items.Items {
				out[r.Kind+" "+i.Name] = true
			}
		}
	}
	return out
}

// TestThreat03_NoClusterScopedObjects asks for everything that a portal can ask
// for and compares the cluster-scoped objects before and after.
// Fails when a portal's desired objects hold a Namespace.
func TestThreat03_NoClusterScopedObjects(t *testing.T) {
	op := operate(t)
	newAgency(t, "t03")
	op.WaitQuiet(t, time.Second)
	before := clusterScoped(t)

	attacker := mallory(t, "t03")
	everything := harness.Portal("t03", "everything", func(p *v1alpha1.AgencyPortal) {
		p.Labels = map[string]string{"rbac.authorization.k8s.io/aggregate-to-admin": "true", names.LabelAgency: "other"}
		p.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
		p.Spec.Components = []v1alpha1.Component{"PublicService", "OneStop", "ClusterRole", "Namespace"}
		p.Spec.Replicas = v1alpha1.Replicas{Min: 1, Max: ptr.To(int32(3))}
		p.Spec.Env = []v1alpha1.EnvVar{{Name: "A", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeySelector{Name: "kube-system", Key: "token"}}}}
		p.Spec.Hostnames = []v1alpha1.DNSName{"a.t03.example.gov.vn"}
		p.Spec.Exposure = v1alpha1.ExposureInternet
		p.Spec.Scope = "CriticalNational"
		p.Spec.DataClassification = v1alpha1.ClassificationPersonal
		p.Spec.PublicServices = []v1alpha1.PublicService{{ProcedureCode: "1.1", Name: "x", Level: 4, Fee: true}}
	})
	plain := harness.Portal("t03", "plain", small)
	for _, p := range []*v1alpha1.AgencyPortal{everything, plain} {
		if err := attacker.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	env.WaitCondition(t, everything, v1alpha1.ConditionNetworkIsolated, metav1.ConditionTrue, "")
	env.WaitReady(t, plain)

	after := clusterScoped(t)
	maps.DeleteFunc(after, func(k string, _ bool) bool { return before[k] })
	if len(after) > 0 {
		t.Errorf("cluster-scoped objects appeared: %v", slices.Sorted(maps.Keys(after)))
	}
}

// TestThreat04_PodsHaveNoToken looks for a token in what really runs, and for
// rights of the ServiceAccounts should one get out all the same.
// Fails when the ServiceAccount and the pods mount the token; when the
// namespace's RoleBinding binds the group of its ServiceAccounts.
func TestThreat04_PodsHaveNoToken(t *testing.T) {
	operate(t)
	newAgency(t, "t04")
	attacker := mallory(t, "t04")
	portal := harness.Portal("t04", "portal", small)
	if err := attacker.Create(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, portal)

	pods := podsOf(t, "t04")
	if len(pods) == 0 {
		t.Fatal("no pod runs")
	}
	for _, p := range pods {
		for _, v := range p.Spec.Volumes {
			projectsToken := v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ServiceAccountToken != nil })
			if projectsToken || v.Secret != nil {
				t.Errorf("pod %s has a volume with credentials: %+v", p.Name, v)
			}
		}
		if p.Spec.ServiceAccountName != "portal" || p.Spec.AutomountServiceAccountToken == nil || *p.Spec.AutomountServiceAccountToken {
			t.Errorf("pod %s: service account %q, automount %v", p.Name, p.Spec.ServiceAccountName, p.Spec.AutomountServiceAccountToken)
		}
	}
	if sa := harness.Stored(t, env, &corev1.ServiceAccount{ObjectMeta: in("t04", "portal")}); sa.AutomountServiceAccountToken == nil || *sa.AutomountServiceAccountToken {
		t.Error("the ServiceAccount mounts its token")
	}

	// Secrets are the tenant's own, but none that asks for a token. What follows holds even for one that somebody has.
	bait := &corev1.Secret{ObjectMeta: in("t04", "bait"), Type: corev1.SecretTypeServiceAccountToken}
	bait.Annotations = map[string]string{corev1.ServiceAccountNameKey: "portal"}
	refused(t, "a Secret that asks for the portal's token", attacker.Create(t.Context(), bait), "agency-namespace-secrets")
	for _, account := range []string{"portal", "default"} {
		cfg, err := env.ControlPlane.ServiceAccountConfig(t.Context(), names.Namespace("t04"), account)
		if err != nil {
			t.Fatal(err)
		}
		c, err := harness.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: names.Namespace("t04")}}
		if err := c.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		for _, r := range review.Status.ResourceRules {
			// Everybody may ask who he is and what he may do.
			if !slices.Contains([]string{"authorization.k8s.io", "authentication.k8s.io"}, strings.Join(r.APIGroups, " ")) {
				t.Errorf("ServiceAccount %s may %v %v %v", account, r.Verbs, r.APIGroups, r.Resources)
			}
		}
	}
}
