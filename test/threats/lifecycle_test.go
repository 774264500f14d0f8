package threats

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const byDeletionPolicy = "govplatform-agency-deletion"

// team is a user with the shipped role of the platform team, and others by name.
func team(t *testing.T, name string, roles ...string) client.Client {
	t.Helper()
	for _, role := range append(roles, "govplatform-platform-team") {
		env.Create(t, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-" + role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		})
	}
	c := as(t, name, "system:authenticated")
	harness.Eventually(t, func() error { return c.List(t.Context(), &v1alpha1.AgencyList{}) })
	return c
}

// counted waits until an agency's status counts what it has.
func counted(t *testing.T, a *v1alpha1.Agency, want v1alpha1.AgencyContents) {
	t.Helper()
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, a).Status.AgencyContents; got != want {
			return fmt.Errorf("agency %s counts %+v, want %+v", a.Name, got, want)
		}
		return nil
	})
}

// TestAgencyDeletionNeedsPermission deletes agencies in every way that the
// platform team has. Fails for every one of them without the admission policy
// agency-deletion.
func TestAgencyDeletionNeedsPermission(t *testing.T) {
	operate(t)
	pt := team(t, "pt-c02")
	a := newAgency(t, "c02")
	ways := map[string]func(o client.Object) error{
		"plainly":      func(o client.Object) error { return pt.Delete(t.Context(), o) },
		"foreground":   func(o client.Object) error { return pt.Delete(t.Context(), o, client.PropagationPolicy("Foreground")) },
		"orphaning":    func(o client.Object) error { return pt.Delete(t.Context(), o, client.PropagationPolicy("Orphan")) },
		"without time": func(o client.Object) error { return pt.Delete(t.Context(), o, client.GracePeriodSeconds(0)) },
	}
	for name, remove := range ways {
		refused(t, "delete "+name, remove(a), byDeletionPolicy)
	}
	refused(t, "strip the finalizer", pt.Patch(t.Context(), harness.Stored(t, env, a), harness.MergePatch(`{"metadata":{"finalizers":null}}`)), byDeletionPolicy)
	env.Create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "pt-c02-all"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "root-c02"}}})
	root := as(t, "root-c02", "system:authenticated")
	harness.Eventually(t, func() error { return root.List(t.Context(), &corev1.SecretList{}) })
	refused(t, "delete all", root.DeleteAllOf(t.Context(), &v1alpha1.Agency{}), byDeletionPolicy)
	env.Create(t, &corev1.Secret{ObjectMeta: in("c02", "kept")})

	// What it has keeps it, also where the policy permits an empty one.
	if err := pt.Patch(t.Context(), harness.Stored(t, env, a), harness.MergePatch(`{"spec":{"deletionPolicy":"DeleteEmpty"}}`)); err != nil {
		t.Fatal(err)
	}
	child := harness.Agency("c02child", "K02.1", func(a *v1alpha1.Agency) {
		a.Spec.ParentRef, a.Spec.DeletionPolicy = &v1alpha1.ParentReference{Name: "c02parent"}, v1alpha1.DeletionDeleteEmpty
	})
	parent := harness.Agency("c02parent", "K02", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	env.Create(t, parent, child)
	counted(t, parent, v1alpha1.AgencyContents{Children: 1})
	refused(t, "a parent", pt.Delete(t.Context(), parent), byDeletionPolicy)
	for what, o := range map[string]client.Object{
		"portals":               harness.Portal("c02", "portal", small),
		"data services":         harness.Service("c02", "svc", "none"),
		"links":                 harness.Link("c02", "link", "none", "nobody", "none"),
		"decisions about links": approvalOfNothing("c02"),
	} {
		env.Create(t, o)
		harness.Eventually(t, func() error {
			err := pt.Delete(t.Context(), a, client.DryRunAll)
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), what) {
				return fmt.Errorf("an agency with %s: %w", what, errors.Join(err, errors.New("want it refused for them")))
			}
			return nil
		})
		if err := env.Admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		counted(t, a, v1alpha1.AgencyContents{})
	}
	if got := harness.Stored(t, env, a); got.DeletionTimestamp != nil {
		t.Error("a refused deletion has begun")
	}
	harness.Stored(t, env, &corev1.Secret{ObjectMeta: in("c02", "kept")})
	for _, o := range []*v1alpha1.Agency{a, child} {
		if err := pt.Delete(t.Context(), o); err != nil {
			t.Errorf("an empty agency that may go: %v", err)
		}
		env.WaitGone(t, o)
	}
	counted(t, parent, v1alpha1.AgencyContents{})
	if err := pt.Delete(t.Context(), parent); err != nil {
		t.Errorf("a parent without children: %v", err)
	}
	env.WaitGone(t, parent)
}

func approvalOfNothing(agency string) *v1alpha1.DataSharingApproval {
	l := harness.Link("nobody", "link", "none", "none", "none")
	l.Status.SpecHash = "sha256:" + strings.Repeat("0", 64)
	return harness.Approval(agency, l, v1alpha1.DecisionReject)
}

// TestRefusedDeletionTakesNothing deletes an agency with content past admission
// and takes that back: nothing closes, nothing is lost, and a new Agency takes
// over the namespace. Fails when links look at the deletionTimestamp; when
// portals are torn down while their Agency is away; when adopt does nothing.
func TestRefusedDeletionTakesNothing(t *testing.T) {
	operate(t)
	pt := team(t, "pt-c04")
	s := newShared(t, "c04")
	s.approve(t)
	env.WaitReady(t, s.link)
	a := harness.Stored(t, env, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.provider}})
	env.Create(t, &corev1.Secret{ObjectMeta: in(s.provider, "kept")})
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(s.provider)}})
	deployment := deploymentOf(t, s.provider, "gives")
	if err := env.Admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
	if got := conditionOf(a, v1alpha1.ConditionReady).Message; !strings.Contains(got, string(ns.UID)) || !strings.Contains(got, "adoptNamespace") {
		t.Errorf("the condition does not say the way back: %s", got)
	}
	never(t, 2*time.Second, func() error {
		if n := len(pairOf(t, s.link)); n != 2 {
			return fmt.Errorf("the link has %d policies while the deletion is refused, want 2", n)
		}
		return nil
	})

	// The way back, as the condition says it.
	if err := pt.Patch(t.Context(), a, harness.MergePatch(`{"metadata":{"finalizers":null}}`)); err != nil {
		t.Fatalf("let go of the agency: %v", err)
	}
	env.WaitGone(t, a)
	again := harness.Agency(s.provider, "", code("c04", 2))
	if err := pt.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, again, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceOrphaned)
	if got := conditionOf(again, v1alpha1.ConditionReady).Message; !strings.Contains(got, `{"spec":{"adoptNamespace":"`+string(ns.UID)+`"}}`) {
		t.Errorf("the condition does not say how to take the namespace over: %s", got)
	}
	if err := pt.Patch(t.Context(), again, harness.MergePatch(`{"spec":{"adoptNamespace":"00000000-0000-0000-0000-000000000000"}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, again, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceOrphaned)
	if err := pt.Patch(t.Context(), again, harness.MergePatch(`{"spec":{"adoptNamespace":"`+string(ns.UID)+`"}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, again, s.link)
	waitPair(t, s.link, 2)
	if got := again.Status.Adopted; got == nil || got.UID != string(ns.UID) || got.PreviousOwner != string(a.UID) {
		t.Errorf("adopted: %+v", got)
	}
	if got := harness.Stored(t, env, ns); got.Labels[names.LabelOwnerUID] != string(again.UID) {
		t.Errorf("the namespace is owned by %s, want %s", got.Labels[names.LabelOwnerUID], again.UID)
	}
	for _, o := range policiesOf(t, s.provider) {
		if o.Labels[names.LabelOwnerKind] == "Agency" && o.Labels[names.LabelOwnerUID] != string(again.UID) {
			t.Errorf("policy %s is owned by %s, want %s", o.Name, o.Labels[names.LabelOwnerUID], again.UID)
		}
	}
	harness.Stored(t, env, &corev1.Secret{ObjectMeta: in(s.provider, "kept")})
	if got := deploymentOf(t, s.provider, "gives"); got.UID != deployment.UID {
		t.Error("the workload was made anew")
	}
	t.Cleanup(func() {
		_ = env.Admin.Patch(t.Context(), again, harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`))
		_ = env.Admin.Delete(t.Context(), again)
	})
}

// TestAdoptionTakesNothingForeign: a namespace that the operator did not make
// for an Agency of the name is not taken over, whoever names it.
// Fails when Adoptable looks at the UID only.
func TestAdoptionTakesNothingForeign(t *testing.T) {
	operate(t)
	for name, labels := range map[string]map[string]string{
		"c04a": nil,
		"c04b": {names.LabelAgency: "c04b"},
		"c04c": {names.LabelAgency: "other", names.LabelManagedBy: names.ManagedBy, names.LabelOwnerKind: "Agency", names.LabelOwnerName: "other", names.LabelOwnerUID: "1"},
	} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(name), Labels: labels}}
		env.Create(t, ns)
		a := harness.Agency(name, "", code(name, 1), func(a *v1alpha1.Agency) { a.Spec.AdoptNamespace = string(ns.UID) })
		env.Create(t, a)
		env.WaitCondition(t, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConflict)
		untouched(t, ns)
	}
}

// freezer stops the events of one resource's watch while frozen.
type freezer struct {
	next   http.RoundTripper
	path   string
	frozen atomic.Bool
}

func (f *freezer) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := f.next.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, f.path) && r.URL.Query().Get("watch") != "" {
		res.Body = &frozenBody{ReadCloser: res.Body, f: f, done: make(chan struct{})}
	}
	return res, err
}

type frozenBody struct {
	io.ReadCloser
	f    *freezer
	done chan struct{}
	shut atomic.Bool
}

func (b *frozenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	for b.f.frozen.Load() {
		select {
		case <-b.done:
			return 0, io.EOF
		case <-time.After(10 * time.Millisecond):
		}
	}
	return n, err
}

func (b *frozenBody) Close() error {
	if b.shut.CompareAndSwap(false, true) {
		close(b.done)
	}
	return b.ReadCloser.Close()
}

// TestOffboardingAsksTheServer deletes agencies while the operator's cache does
// not show what has just been created in them. Fails when departure counts what
// the cache shows.
func TestOffboardingAsksTheServer(t *testing.T) {
	operate(t)
	for name, c := range map[string]struct {
		path   string
		object client.Object
	}{
		"f04a": {"/agencyportals", harness.Portal("f04a", "late", small)},
		"f04b": {"/dataservices", harness.Service("f04b", "late", "none")},
		"f04c": {"/datasharinglinks", harness.Link("f04c", "late", "none", "nobody", "none")},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgency(t, name, code(name, 1), func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeleteEmpty })
			stopOperator(t)
			f := &freezer{path: c.path}
			op := env.Operator(t, harness.OperatorOptions{Transport: func(next harness.Transport) harness.Transport { f.next = next; return f }})
			env.WaitReady(t, a)
			f.frozen.Store(true)
			env.Create(t, c.object)
			if err := team(t, "pt-"+name).Delete(t.Context(), a); err != nil {
				t.Fatalf("the status counts nothing, so it is admitted: %v", err)
			}
			env.WaitCondition(t, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
			if ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(name)}}); ns.DeletionTimestamp != nil {
				t.Error("the namespace is removed with something in it")
			}
			harness.Stored(t, env, c.object)
			f.frozen.Store(false)
			if err := env.Admin.Delete(t.Context(), c.object); err != nil {
				t.Fatal(err)
			}
			env.WaitGone(t, a)
			_ = op.Stop()
			operate(t)
		})
	}
}

// TestDeletedNamespaceComesBack deletes the namespace of a living agency that
// has everything with a finalizer of ours. Fails when its guards wait for an
// owner that waits for the namespace.
func TestDeletedNamespaceComesBack(t *testing.T) {
	operate(t)
	s := newShared(t, "f05")
	s.approve(t)
	platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "f05"}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "Nền tảng f05", Type: "Other", OwnerRef: v1alpha1.AgencyReference{Name: v1alpha1.AgencyName(s.provider)}, Scope: "National", Capability: "f05",
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: v1alpha1.AgencyName(s.provider), Name: "hub"}},
	}}
	hub := harness.Portal(s.provider, "hub", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"f05"}
	})
	env.Create(t, hub, platform)
	uses := harness.Portal(s.consumer, "uses", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "f05"}}
	})
	env.Create(t, uses)
	env.WaitReady(t, uses)
	log := record(t, s.consumer)
	ns := harness.Stored(t, env, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(s.consumer)}})
	pod := podsOf(t, s.consumer)[0]
	release := hold(t, &pod)
	if err := env.Admin.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	a := harness.Stored(t, env, &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.consumer}})
	env.WaitCondition(t, a, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceTerminating)
	harness.Eventually(t, func() error {
		for _, part := range []string{pod.Name, pod.Spec.NodeName, "example.org/hold"} {
			if got := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionReady).Message; !strings.Contains(got, part) {
				return fmt.Errorf("the condition does not name %q: %s", part, got)
			}
		}
		return nil
	})
	release()
	// A namespace that is being deleted takes no pods, whatever Deployment is still in it.
	log.podsOnly = true
	harness.Eventually(t, func() error {
		got := &corev1.Namespace{}
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(ns), got); err != nil {
			return err
		}
		if got.UID == ns.UID {
			return fmt.Errorf("the namespace does not end: %+v", got.Status)
		}
		return nil
	})
	env.WaitReady(t, a)
	log.alwaysGuarded(t)
}

// TestStuckPodsGoByForce: whoever has the role for it may end what a dead node
// does not end, and nothing else. Fails without the condition not-a-stuck-pod,
// and when that does not ask whether the pod is being deleted.
func TestStuckPodsGoByForce(t *testing.T) {
	operate(t)
	pt, remover := team(t, "pt-b10"), team(t, "remover-b10", "govplatform-pod-remover")
	a := newAgency(t, "b10", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	careless := fullRights(t, "b10")
	portal := harness.Portal("b10", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	living := podsOf(t, "b10")[0]
	force := client.GracePeriodSeconds(0)
	refused(t, "a living pod", remover.Delete(t.Context(), &living, force), byObjectPolicy)
	// A kubelet that does not answer never confirms the end of a pod, as here where none is.
	pod := rawPod("b10", "stuck", harness.Image)
	pod.Spec.NodeName = "dead-node"
	pod.Finalizers = nil
	env.Create(t, pod)
	if err := env.Admin.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if harness.Stored(t, env, pod).DeletionTimestamp == nil {
		t.Fatal("the pod does not linger: the test does not reach what it is for")
	}
	counted(t, a, v1alpha1.AgencyContents{Portals: 1})
	if err := pt.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		got := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionReady)
		for _, part := range []string{"Pod stuck on node dead-node", "--force --grace-period=0", "govplatform-pod-remover"} {
			if !strings.Contains(got.Message, part) {
				return fmt.Errorf("the condition does not say %q: %s", part, got.Message)
			}
		}
		return nil
	})
	refused(t, "a stuck pod, by the agency", careless.Delete(t.Context(), pod, force), byObjectPolicy)
	if err := pt.Delete(t.Context(), pod, force); !apierrors.IsForbidden(err) {
		t.Errorf("a stuck pod, without the role: %v", err)
	}
	if err := remover.Delete(t.Context(), pod, force); err != nil {
		t.Errorf("a stuck pod, with the role: %v", err)
	}
	env.WaitGone(t, a)
}

// deploymentOf reads a portal's workload.
func deploymentOf(t *testing.T, agency, portal string) *appsv1.Deployment {
	t.Helper()
	return harness.Stored(t, env, &appsv1.Deployment{ObjectMeta: in(agency, portal)})
}

// TestForeignFinalizersAreNamed: what an agency's administrator, or a tool, holds by
// a finalizer holds the agency's end, and whoever waits is told what and how to go
// on, which who has the named role can do. Fails when the finalizers are not looked
// at, and without patch in the role.
func TestForeignFinalizersAreNamed(t *testing.T) {
	operate(t)
	a := newAgency(t, "f16", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	holds := client.RawPatch("application/json-patch+json", []byte(`[{"op":"add","path":"/metadata/finalizers","value":["backup.example/hold"]}]`))
	remover := team(t, "remover-f16", removerRole)
	portal, service := harness.Portal("f16", "held", small), harness.Service("f16", "kept", "held")
	env.Create(t, portal, service)
	env.WaitReady(t, service)
	for _, o := range []client.Object{portal, service} {
		if err := env.Admin.Patch(t.Context(), o, holds); err != nil {
			t.Fatal(err)
		}
	}
	counted(t, a, v1alpha1.AgencyContents{Portals: 1, DataServices: 1})
	if err := remover.Delete(t.Context(), a.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		o    client.Object
		says string
	}{{portal, "AgencyPortal held by backup.example/hold"}, {service, "DataService kept by backup.example/hold"}} {
		harness.Eventually(t, func() error {
			if got := conditionOf(harness.Stored(t, env, a), v1alpha1.ConditionReady).Message; !strings.Contains(got, tt.says) || !strings.Contains(got, removerRole+": kubectl -n agency-f16 edit ") {
				return fmt.Errorf("the condition does not say %q: %s", tt.says, got)
			}
			return nil
		})
		harness.Eventually(t, func() error { return takeOff(t, remover, tt.o, "backup.example/hold") })
	}
	env.WaitGone(t, a)
}
