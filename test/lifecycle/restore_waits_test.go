package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/view/backup"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// evil is the image that the standard in force forbids.
	evil = "registry.evil.example/miner:1"
	// outgoing is an image that the held standard forbids too.
	outgoing = "registry.platform.example.gov.vn/old/portal:1"
)

func images(prefixes ...v1alpha1.RegistryPrefix) *v1alpha1.ImageControl {
	return &v1alpha1.ImageControl{AllowedRegistries: prefixes}
}

func patchSpec(t *testing.T, env *harness.Env, o client.Object, spec string) {
	t.Helper()
	if err := env.Admin.Patch(t.Context(), o, harness.MergePatch(`{"spec":`+spec+`}`)); err != nil {
		t.Fatal(err)
	}
}

// waits adds to the world what waits and what competes: a standard that is held
// for its impact, a portal that it keeps from starting, rights that want a
// second person, and the older one of two by name the last.
func waits(t *testing.T, env *harness.Env) {
	t.Helper()
	env.Create(t, harness.Agency("files", "Z91FILES"))
	env.WaitReady(t, harness.Agency("files", ""))
	host := func(p *v1alpha1.AgencyPortal) {
		p.Spec.Exposure, p.Spec.Hostnames = v1alpha1.ExposureInternet, []v1alpha1.DNSName{"www.files.example.gov.vn"}
	}
	owns := func(s *v1alpha1.DataService) {
		s.Spec.Classification, s.Spec.Dataset = v1alpha1.ClassificationPersonal, "people"
	}
	older, younger := harness.Portal("files", "zulu", host), harness.Portal("files", "alfa", host)
	env.Create(t, older)
	env.WaitCondition(t, older, v1alpha1.ConditionPolicyCompliant, metav1.ConditionTrue, v1alpha1.ReasonCompliant)
	holder := harness.Service("files", "zulu", "zulu", owns)
	env.Create(t, holder)
	env.WaitCondition(t, holder, v1alpha1.ConditionDatasetOwned, metav1.ConditionTrue, v1alpha1.ReasonDatasetOwned)
	time.Sleep(time.Second)
	env.Create(t, younger)
	env.WaitCondition(t, younger, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonHostnameTaken)
	env.Create(t, harness.Service("files", "alfa", "alfa", owns))

	patchSpec(t, env, harness.Agency("files", ""), `{"adminGroups":["files-admins","intruders"]}`)
	env.WaitCondition(t, harness.Agency("files", ""), v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse, v1alpha1.ReasonRequesterMissing)

	hub := harness.Portal("files", "hub", func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"hub"} })
	platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "hub"}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "Hệ thống", Type: "Reporting", OwnerRef: v1alpha1.AgencyReference{Name: "files"}, Capability: "hub",
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "files", Name: "hub"}}, Agencies: []v1alpha1.AgencyName{"gives"}}}
	env.Create(t, hub, platform)
	env.WaitReady(t, platform)
	patchSpec(t, env, platform, `{"agencies":["gives","asks"]}`)
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)

	held := harness.Policy("held", "files", func(p *v1alpha1.SecurityPolicy) { p.Spec.Images = images("registry.platform.example.gov.vn") })
	env.Create(t, held)
	env.WaitReady(t, held)
	patchSpec(t, env, held, `{"images":{"allowedRegistries":["registry.new.example"]}}`)
	env.WaitCondition(t, held, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonImpactHeld)
	kept := harness.Portal("files", "kept", func(p *v1alpha1.AgencyPortal) { p.Spec.Image = outgoing })
	env.Create(t, kept)
	env.WaitCondition(t, kept, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolation)
}

// asBefore asserts that everything waits as it did in the old cluster. The platform
// that its owner agreed to for fewer agencies has no consent at all.
func asBefore(t *testing.T, env *harness.Env) {
	t.Helper()
	platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "hub"}}
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)
	if c := platform.Status.Consents; len(c) > 0 {
		t.Errorf("the platform has the consent %+v", c)
	}
	env.WaitCondition(t, linkNamed("kept"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	for _, name := range []string{"halted", "refused"} {
		env.WaitCondition(t, linkNamed(name), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	}
	violator := harness.Portal("asks", "violator")
	env.WaitCondition(t, violator, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
	if last := violator.Status.LastCompliant; last == nil || last.Image != harness.Image || violator.Spec.Image != evil {
		t.Errorf("portal violator asks for %s and runs by %+v", violator.Spec.Image, last)
	}
	held := harness.Policy("held", "")
	env.WaitCondition(t, held, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonImpactHeld)
	if f := held.Status.InForce; f == nil || f.Images == nil || !slices.Equal(f.Images.AllowedRegistries, []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}) {
		t.Errorf("in force is %+v", f)
	}
	env.WaitCondition(t, harness.Portal("files", "kept"), v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	for _, name := range []string{"alfa", "zulu"} {
		env.WaitCondition(t, harness.Portal("files", name), v1alpha1.ConditionPolicyCompliant, metav1.ConditionTrue, v1alpha1.ReasonHeldStandard)
	}
	younger, older := harness.Portal("files", "alfa"), harness.Portal("files", "zulu")
	env.WaitCondition(t, younger, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonHostnameTaken)
	env.WaitCondition(t, older, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonWaitingForRoutes)
	if !older.CreationTimestamp.Before(&younger.CreationTimestamp) {
		t.Errorf("portals that compete were created at %s and %s: the UID decides", older.CreationTimestamp, younger.CreationTimestamp)
	}
	env.WaitCondition(t, harness.Service("files", "alfa", "alfa"), v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	env.WaitCondition(t, harness.Service("files", "zulu", "zulu"), v1alpha1.ConditionDatasetOwned, metav1.ConditionTrue, v1alpha1.ReasonDatasetOwned)
}

// looser watches until it is stopped and returns what was open, ran or had
// rights that did not before.
func looser(t *testing.T, env *harness.Env) (stop func() []string) {
	t.Helper()
	links := openLinks(t, env)
	ctx, cancel := context.WithCancel(t.Context())
	var seen []string
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			var deployments appsv1.DeploymentList
			var bindings rbacv1.RoleBindingList
			if err := errors.Join(env.Admin.List(ctx, &deployments), env.Admin.List(ctx, &bindings)); err != nil {
				continue
			}
			for i := range deployments.Items {
				for _, c := range deployments.Items[i].Spec.Template.Spec.Containers {
					if c.Image == evil || c.Image == outgoing {
						seen = append(seen, "ran "+c.Image)
					}
				}
			}
			for i := range bindings.Items {
				for _, s := range bindings.Items[i].Subjects {
					if s.Name == "intruders" {
						seen = append(seen, "rights of "+s.Name)
					}
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return func() []string {
		cancel()
		done.Wait()
		for _, l := range links() {
			seen = append(seen, "open "+l)
		}
		slices.Sort(seen)
		return slices.Compact(seen)
	}
}

// mortal is a client whose process is killed after some writes.
type mortal struct {
	client.Client
	left int
	kill context.CancelFunc
}

func (m *mortal) wrote(err error) error {
	if m.left--; m.left <= 0 {
		m.kill()
	}
	return err
}

func (m *mortal) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if o.GetObjectKind().GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
		return m.Client.Create(ctx, o, opts...)
	}
	return m.wrote(m.Client.Create(ctx, o, opts...))
}

func (m *mortal) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	err := m.Client.Update(ctx, o, opts...)
	if slices.Contains(opts, client.UpdateOption(client.DryRunAll)) {
		return err
	}
	return m.wrote(err)
}

func (m *mortal) Status() client.SubResourceWriter {
	return mortalStatus{m.Client.Status(), m}
}

type mortalStatus struct {
	client.SubResourceWriter
	of *mortal
}

func (s mortalStatus) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
	return s.of.wrote(s.SubResourceWriter.Patch(ctx, o, p, opts...))
}

// TestRestoreKeepsWhatWaits: what waited in the old cluster waits in the new one,
// whatever happens on the way. A restore of the specs alone put a held standard
// in force, gave rights that nobody had confirmed, stopped a portal that ran by
// its last compliant spec, and gave host names to whoever came first by name.
func TestRestoreKeepsWhatWaits(t *testing.T) {
	old := start(t)
	op := old.Operator(t, harness.OperatorOptions{})
	waits(t, old)
	data := exportedWith(t, old, op)
	_ = old.ControlPlane.Stop()
	for name, restore := range map[string]func(*testing.T, *harness.Env, []byte){
		"at once, in any order": restoredShuffled, "killed after every write": restoredKilled, "after a tool without order": restoredAfterOther,
	} {
		t.Run(name, func(t *testing.T) {
			env := start(t)
			op := env.Operator(t, harness.OperatorOptions{})
			restore(t, env, data)
			op.WaitQuiet(t, quiet)
			asBefore(t, env)
			said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: harness.Timeout})
			if err != nil || strings.Contains(said, "created") || strings.Contains(said, "changed  ") {
				t.Errorf("again: %v\n%s", err, said)
			}
			asBefore(t, env)
		})
	}
}

func restoredShuffled(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	stop := looser(t, env)
	dry, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	assertGolden(t, "restore-what-waits-dry-run.txt", dry)
	e, err := backup.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(e.Objects), func(i, j int) { e.Objects[i], e.Objects[j] = e.Objects[j], e.Objects[i] })
	var out strings.Builder
	if err := cli.Restore(t.Context(), env.Admin, e, cli.RestoreOptions{Wait: harness.Timeout, OnConflict: cli.ConflictStop, Out: &out, Progress: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"Agency files: adminGroups \"intruders\"   # was asked for by nobody who was named", "with the spec that was in force", "to its newest spec, which waits as it did"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
	if seen := stop(); len(seen) > 0 {
		t.Errorf("looser than before: %v\n%s", seen, out.String())
	}
}

func restoredKilled(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	stop := looser(t, env)
	runs := 0
	for ; ; runs++ {
		ctx, kill := context.WithCancel(t.Context())
		c := &mortal{Client: env.Admin, left: 1 + runs%3, kill: kill}
		e, err := backup.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = cli.Restore(ctx, c, e, cli.RestoreOptions{Wait: harness.Timeout, OnConflict: cli.ConflictStop, Out: &out, Progress: &out})
		killed := ctx.Err() != nil
		kill()
		if !killed && err != nil {
			t.Fatalf("run %d: %v\n%s", runs, err, out.String())
		}
		if !killed {
			break
		}
		if runs > 100 {
			t.Fatalf("it never ends:\n%s", out.String())
		}
	}
	if runs < 8 {
		t.Errorf("killed %d times only", runs)
	}
	t.Logf("killed %d times", runs)
	if seen := stop(); len(seen) > 0 {
		t.Errorf("looser than before: %v", seen)
	}
}

// restoredAfterOther restores over what a tool brought that knows no order of
// ours, as Velero does: namespaces, then kinds by name, without status, with all
// rights but those of break-glass access.
func restoredAfterOther(t *testing.T, env *harness.Env, data []byte) {
	t.Helper()
	links := openLinks(t, env)
	refused := byKindName(t, env, data)
	for _, want := range []string{"Namespace", "DataSharingApproval", "status of AgencyPortal"} {
		if !slices.Contains(refused, want) {
			t.Errorf("%s is not refused to a tool: refused are %v", want, refused)
		}
	}
	said, err := restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: harness.Timeout})
	if err == nil || !strings.Contains(said, "Agency files: the cluster has another one of this name") {
		t.Errorf("rights that nobody confirmed are not named: %v\n%s", err, said)
	}
	// Who restores over it deletes what came too early.
	for _, o := range []client.Object{harness.Portal("files", "kept"), harness.Portal("files", "alfa"), harness.Portal("files", "zulu"), harness.Portal("files", "hub"), harness.Portal("asks", "violator"), harness.Policy("held", ""), harness.Policy("registries", "")} {
		if err := client.IgnoreNotFound(env.Admin.Delete(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
		env.WaitGone(t, o)
	}
	if said, err = restoreFile(t, env.Admin, data, cli.RestoreOptions{Wait: harness.Timeout, OnConflict: cli.ConflictOverwrite}); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var admins rbacv1.RoleBinding
	harness.Eventually(t, func() error {
		err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: names.Namespace("files"), Name: "agency-admins"}, &admins)
		if err == nil && len(admins.Subjects) != 1 {
			err = fmt.Errorf("rights of %v", admins.Subjects)
		}
		return err
	})
	if open := links(); len(open) > 0 {
		t.Errorf("links were open: %v", open)
	}
}

// byKindName creates what an export has by kind and name, as Velero would, and
// returns what was refused to it.
func byKindName(t *testing.T, env *harness.Env, data []byte) []string {
	t.Helper()
	const user = "system:serviceaccount:backup:tool"
	env.Create(t, harness.Everywhere("backup-tool", "cluster-admin", user))
	tool := env.User(t, user, "system:serviceaccounts", "system:authenticated")
	e, err := backup.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	note := func(what string, err error) {
		if err != nil && !apierrors.IsAlreadyExists(err) && !slices.Contains(refused, what) {
			t.Logf("%s: %v", what, err)
			refused = append(refused, what)
		}
	}
	for _, n := range e.Namespaces {
		note("Namespace", tool.Create(t.Context(), namespaceOf(n)))
	}
	objects := slices.Clone(e.Objects)
	slices.SortStableFunc(objects, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a["kind"]), fmt.Sprint(b["kind"])) })
	for _, o := range objects {
		u := withoutStatus(o)
		harness.Eventually(t, func() error {
			err := tool.Create(t.Context(), u)
			if apierrors.IsNotFound(err) {
				// The operator makes the namespace.
				return err
			}
			note(u.GetKind(), err)
			return nil
		})
		if status, ok := o["status"].(map[string]any); ok && u.GetUID() != "" {
			u.Object["status"] = status
			note("status of "+u.GetKind(), tool.Status().Update(t.Context(), u))
		}
	}
	return refused
}

func namespaceOf(n backup.Namespace) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{
		names.LabelAgency: n.Agency, names.LabelOwnerUID: n.AgencyUID, names.LabelOwnerKind: "Agency", names.LabelOwnerName: n.Agency, "app.kubernetes.io/managed-by": "govplatform",
	}}}
}

// withoutStatus is an object as a tool creates it.
func withoutStatus(o map[string]any) *unstructured.Unstructured {
	u := (&unstructured.Unstructured{Object: o}).DeepCopy()
	delete(u.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	return u
}
