// Package threats attacks the platform on a real control plane. Each test is
// named after a line of the threat list, plays an agency administrator, with or
// without rights that somebody gave away carelessly, and asserts what is
// stored. docs/threats.md says how each test was seen failing.
package threats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// registry is the one of harness.Image.
	registry = "registry.platform.example.gov.vn"
	digest   = "@sha256:2222222222222222222222222222222222222222222222222222222222222222"
	evil     = "registry.evil.example/miner" + digest

	byNamespacePolicy = "govplatform-agency-namespaces"
	byObjectPolicy    = "govplatform-agency-namespace-objects"
	byStatusPolicy    = "govplatform-platform-status"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
}

// running is the operator that the tests share; most of them do not care which
// process it is.
var running *harness.Operator

func operate(t *testing.T) *harness.Operator {
	t.Helper()
	if running == nil {
		ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
		defer cancel()
		op, err := env.StartOperator(ctx, harness.OperatorOptions{})
		if err != nil {
			t.Fatalf("start the operator: %v", err)
		}
		running = op
	}
	return running
}

func stopOperator(t *testing.T) {
	t.Helper()
	if running == nil {
		return
	}
	if err := running.Stop(); err != nil {
		t.Fatalf("stop the operator: %v", err)
	}
	running = nil
}

// newAgency makes an agency named like t06, with code T06, and waits for it.
func newAgency(t *testing.T, name string, modify ...func(*v1alpha1.Agency)) *v1alpha1.Agency {
	t.Helper()
	a := harness.Agency(name, strings.ToUpper(name), modify...)
	// One of the same name from an earlier run, with -count, goes first.
	env.WaitGone(t, a.DeepCopy())
	env.Create(t, a)
	env.WaitReady(t, a)
	return a
}

// small keeps a portal at one pod.
func small(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 }

func image(ref string) func(*v1alpha1.AgencyPortal) {
	return func(p *v1alpha1.AgencyPortal) { p.Spec.Image = ref }
}

func allow(registries ...v1alpha1.RegistryPrefix) func(*v1alpha1.SecurityPolicy) {
	return func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: registries}
	}
}

// mallory is a user in the admin group of an agency.
func mallory(t *testing.T, agency string) client.Client {
	t.Helper()
	return as(t, malloryOf(agency), agency+"-admins", "system:authenticated")
}

func malloryOf(agency string) string { return "mallory@" + agency }

func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	return env.User(t, user, groups...)
}

// fullRights gives mallory every verb on everything in the agency's namespace,
// as a careless platform engineer might, and waits until it holds.
func fullRights(t *testing.T, agency string) client.Client {
	t.Helper()
	ns := names.Namespace(agency)
	everything := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}
	env.Create(t,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "careless", Namespace: ns}, Rules: everything},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "careless", Namespace: ns}, Subjects: subject(agency),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "careless"},
		})
	c := mallory(t, agency)
	harness.Eventually(t, func() error {
		return c.List(t.Context(), &rbacv1.RoleList{}, client.InNamespace(ns))
	})
	return c
}

// namespaceRights gives mallory all verbs but create on one namespace, its
// subresources included.
func namespaceRights(t *testing.T, agency string) client.Client {
	t.Helper()
	ns := names.Namespace(agency)
	name := "careless-" + ns
	env.Create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{""}, Resources: []string{"namespaces", "namespaces/status", "namespaces/finalize"}, ResourceNames: []string{ns},
			Verbs: []string{"get", "patch", "update", "delete"},
		}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subject(agency),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		})
	c := mallory(t, agency)
	harness.Eventually(t, func() error {
		return c.Get(t.Context(), client.ObjectKey{Name: ns}, &corev1.Namespace{})
	})
	return c
}

func subject(agency string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: malloryOf(agency)}}
}

// refused fails unless a request was denied, and by whom it should: without the
// name of the admission policy, missing rights would pass for a guard.
func refused(t *testing.T, what string, err error, by string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), by) {
		t.Errorf("%s: got %v, want it forbidden by %q", what, err, by)
	}
}

// untouched fails when an object is not, to the revision, what it was.
func untouched(t *testing.T, before client.Object) {
	t.Helper()
	after, ok := before.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", before)
	}
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(before), after); err != nil {
		t.Errorf("%T %s: %v", before, before.GetName(), err)
		return
	}
	if after.GetUID() != before.GetUID() || after.GetResourceVersion() != before.GetResourceVersion() || after.GetDeletionTimestamp() != nil {
		t.Errorf("%T %s was touched:\n%+v\n%+v", before, before.GetName(), before, after)
	}
}

// absent fails when an object exists.
func absent(t *testing.T, o client.Object) {
	t.Helper()
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
		t.Errorf("%T %s exists (%v)", o, o.GetName(), err)
	}
}

// never watches for a while that something does not happen.
func never(t *testing.T, during time.Duration, check func() error) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := check(); err != nil {
			t.Fatal(err)
		}
	}
}

// touch makes an event for an object that changes nothing in its spec.
func touch(t *testing.T, o client.Object) {
	t.Helper()
	env.Merge(t, o, `{"metadata":{"annotations":{"example.org/touched":"`+time.Now().Format(time.RFC3339Nano)+`"}}}`)
}

// conditionOf returns a condition's message, empty when there is none.
func conditionOf(o reconcile.Object, conditionType string) metav1.Condition {
	if c := meta.FindStatusCondition(o.GetStatusBase().Conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// meta of an object in an agency's namespace.
func in(agency, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: names.Namespace(agency), Name: name}
}

// podsOf lists the pods of an agency.
func podsOf(t *testing.T, agency string) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := env.Admin.List(t.Context(), &pods, client.InNamespace(names.Namespace(agency))); err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

// policiesOf lists the network policies of an agency.
func policiesOf(t *testing.T, agency string) []networkingv1.NetworkPolicy {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &list, client.InNamespace(names.Namespace(agency))); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// rawPod is a pod that the restricted Pod Security Standard admits, labelled as
// a portal's of the highest level.
func rawPod(agency, name, image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(agency), Name: name, Labels: map[string]string{
			names.LabelSecurityLevel: "5", names.LabelExposure: "Internet", names.LabelPortal: "portal",
		}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{container("main", image)},
		},
	}
}

func container(name, image string) corev1.Container {
	return corev1.Container{Name: name, Image: image, SecurityContext: &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}}
}

// awaitAdmission waits until a new admission policy holds in the API server,
// which learns of it a moment after it is stored.
func awaitAdmission(t *testing.T, what string, try func() error) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := try(); !apierrors.IsForbidden(err) {
			return errors.Join(fmt.Errorf("%s is not refused yet", what), err)
		}
		return nil
	})
}
