package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply/applytest"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// These tests inject faults, for which a fake client will do. What the API
// server makes of the writes is tested on a real one in test/integration.

var owner = names.Owner{Kind: "AgencyPortal", Namespace: "agency-finance", Name: "tax-filing", UID: "uid-portal"}

// faulty records writes and lets chosen ones fail.
type faulty struct {
	Applier
	mu     sync.Mutex
	writes []string
	fail   string
}

var errInjected = errors.New("injected")

func newFaulty(t *testing.T, existing ...client.Object) *faulty {
	t.Helper()
	f := &faulty{}
	write := func(verb string, o client.Object) error {
		gvk, err := apiutil.GVKForObject(o, scheme.Scheme)
		if err != nil {
			return err
		}
		w := verb + " " + gvk.Kind + " " + o.GetName()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.fail == w {
			return errInjected
		}
		f.writes = append(f.writes, w)
		return nil
	}
	b := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithRESTMapper(mapper()).WithObjects(existing...)
	c := b.WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := write("create", o); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := write("update", o); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			var options client.DeleteOptions
			options.ApplyOptions(opts)
			if options.Preconditions == nil || options.Preconditions.UID == nil || *options.Preconditions.UID != o.GetUID() {
				t.Errorf("delete of %s without its UID as precondition", o.GetName())
			}
			if err := unchanged(ctx, c, o, options.Preconditions); err != nil {
				return err
			}
			if err := write("delete", o); err != nil {
				return err
			}
			return c.Delete(ctx, o)
		},
	}).Build()
	f.Client, f.Live, f.Counts = c, c, applytest.Counts(c)
	return f
}

// unchanged fails as the API server does when a precondition of a deletion does not hold:
// the fake client knows none.
func unchanged(ctx context.Context, c client.Client, o client.Object, p *metav1.Preconditions) error {
	live := o.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return err
	}
	if p == nil || p.UID != nil && *p.UID != live.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != live.GetResourceVersion() {
		return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("precondition failed"))
	}
	return nil
}

// mapper knows the kinds that are emitted, at the versions that are written.
func mapper() meta.RESTMapper {
	var versions []schema.GroupVersion
	for _, o := range emitted() {
		versions = append(versions, o.GetObjectKind().GroupVersionKind().GroupVersion())
	}
	m := meta.NewDefaultRESTMapper(versions)
	for _, o := range emitted() {
		m.Add(o.GetObjectKind().GroupVersionKind(), meta.RESTScopeNamespace)
	}
	return m
}

// portalObjects are what the owner should have.
func portalObjects() []object.Object {
	return slices.DeleteFunc(emitted(), func(o object.Object) bool { return o.GetLabels()[names.LabelOwnerUID] != string(owner.UID) })
}

// stale returns objects of the owner that are no longer desired, and their
// inventory: an opening, and an autoscaler.
func stale() ([]client.Object, []v1alpha1.InventoryEntry) {
	m := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "agency-finance", Name: name, UID: "uid-stale", Labels: owner.Labels()}
	}
	open := &networkingv1.NetworkPolicy{ObjectMeta: m("tax-filing-old"), Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}}
	scaler := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: m("tax-filing-old")}
	return []client.Object{open, scaler}, []v1alpha1.InventoryEntry{
		{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "agency-finance", Name: "tax-filing-old", UID: "uid-stale"},
		{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "agency-finance", Name: "tax-filing-old", UID: "uid-stale"},
	}
}

// What a round does with the objects of stale: what opens goes before all else, and
// what runs goes last.
const (
	closed = "delete NetworkPolicy tax-filing-old"
	pruned = "delete HorizontalPodAutoscaler tax-filing-old"
)

// stages in the order in which they are written: what restricts comes before what
// opens, and that before what runs.
var stages = []child.Stage{child.StageNamespace, child.StageGuard, child.StageOpening, child.StageSupport, child.StageWorkload}

// created are the objects of portals that a round creates at some stages, by the table
// of internal/child: by stage, then by kind and name.
func created(at ...child.Stage) []string {
	var out []string
	for _, stage := range at {
		var some []string
		for _, o := range portalObjects() {
			if row, ok := child.For(o); ok && row.StageOf(o) == stage {
				some = append(some, "create "+kindOf(o)+" "+o.GetName())
			}
		}
		slices.Sort(some)
		out = append(out, some...)
	}
	return out
}

// order is how a first round goes: openings are closed, then guards, openings,
// what the workload needs, the workload, and only then is pruned.
var order = slices.Concat([]string{closed}, created(stages...), []string{pruned})

// guards are made whatever else fails.
var guards = created(child.StageNamespace, child.StageGuard)

func inventoryNames(inventory []v1alpha1.InventoryEntry) []string {
	var out []string
	for _, e := range inventory {
		out = append(out, e.Kind+" "+e.Name)
	}
	return out
}

// TestOrderOfWrites: a first round makes each kind that portals emit at the stage of its
// row, and a second one writes nothing.
// Fails when begin sorts by kind alone, and when a row that portals emit has no object.
func TestOrderOfWrites(t *testing.T) {
	for _, row := range child.EmittedBy(owner.Kind) {
		if !slices.ContainsFunc(portalObjects(), func(o object.Object) bool { return kindOf(o) == row.GVK.Kind }) {
			t.Errorf("the portal of emitted in internal/apply/merge_test.go becomes no %s, whose writes are not tried: give it the field of which it comes", row.GVK.Kind)
		}
	}
	existing, inventory := stale()
	f := newFaulty(t, existing...)
	objects := portalObjects()
	slices.Reverse(objects)
	res, err := f.Apply(t.Context(), owner, inventory, objects)
	if err != nil || !res.Complete() {
		t.Fatalf("result %+v, error %v", res, err)
	}
	if diff := cmp.Diff(order, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	var want []string
	for _, o := range objects {
		want = append(want, kindOf(o)+" "+o.GetName())
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, inventoryNames(res.Inventory)); diff != "" {
		t.Errorf("inventory differs (-want +got):\n%s", diff)
	}

	f.writes = nil
	if _, err := f.Apply(t.Context(), owner, res.Inventory, objects); err != nil || len(f.writes) > 0 {
		t.Errorf("the second round writes %v, error %v", f.writes, err)
	}
}

// TestAnyFailure lets each write of a round fail in turn: nothing is made after
// it but guards, what lets something run goes all the same, nothing is
// forgotten, and the next round ends as if nothing had happened.
func TestAnyFailure(t *testing.T) {
	for i, failing := range order {
		t.Run(failing, func(t *testing.T) {
			existing, inventory := stale()
			f := newFaulty(t, existing...)
			f.fail = failing
			res, err := f.Apply(t.Context(), owner, inventory, portalObjects())
			if !errors.Is(err, errInjected) {
				t.Fatalf("error = %v", err)
			}
			want := slices.Clone(order[:i])
			for _, w := range order[i+1:] {
				if slices.Contains(guards, w) || w == pruned {
					want = append(want, w)
				}
			}
			if diff := cmp.Diff(want, f.writes, equateEmpty); diff != "" {
				t.Errorf("writes of the round differ (-want +got):\n%s", diff)
			}
			for _, w := range order[:i] {
				verb, name, _ := strings.Cut(w, " ")
				if listed := slices.Contains(inventoryNames(res.Inventory), name); listed != (verb == "create") {
					t.Errorf("%s: in the inventory %v: %v", w, inventoryNames(res.Inventory), listed)
				}
			}
			f.fail = ""
			if res, err = f.Apply(t.Context(), owner, res.Inventory, portalObjects()); err != nil || !res.Complete() {
				t.Fatalf("the next round: %+v, %v", res, err)
			}
			slices.Sort(f.writes)
			if diff := cmp.Diff(slices.Sorted(slices.Values(order)), f.writes); diff != "" {
				t.Errorf("both rounds together differ (-want +got):\n%s", diff)
			}
		})
	}
}

var equateEmpty = cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })

// TestThreat10_ConflictStopsLaterStages: a foreign object with our name is left
// alone, what comes after its stage is not made, and what lets something run is
// removed all the same.
func TestThreat10_ConflictStopsLaterStages(t *testing.T) {
	m := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "agency-finance", Name: name, UID: "uid-foreign",
			// Forged marks, but for the label with the UID.
			OwnerReferences: []metav1.OwnerReference{owner.Reference()},
			Labels:          map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerName: "tax-filing", names.LabelOwnerUID: "uid-other"}}
	}
	tests := []struct {
		name    string
		foreign client.Object
		kind    string
		stage   child.Stage
	}{
		{"guard", &networkingv1.NetworkPolicy{ObjectMeta: m("tax-filing-deny")}, "NetworkPolicy", child.StageGuard},
		{"opening", &networkingv1.NetworkPolicy{ObjectMeta: m("tax-filing-base")}, "NetworkPolicy", child.StageOpening},
		{"service", &corev1.Service{ObjectMeta: m("tax-filing")}, "Service", child.StageSupport},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			existing, inventory := stale()
			f := newFaulty(t, append(existing, tt.foreign)...)
			res, err := f.Apply(t.Context(), owner, inventory, portalObjects())
			if err != nil || len(res.Conflicts) != 1 || res.Conflicts[0].Name != tt.foreign.GetName() {
				t.Fatalf("conflicts %+v, error %v", res.Conflicts, err)
			}
			others := slices.DeleteFunc(created(stages[:slices.Index(stages, tt.stage)+1]...), func(w string) bool { return w == "create "+tt.kind+" "+tt.foreign.GetName() })
			if diff := cmp.Diff(slices.Concat([]string{closed}, others, []string{pruned}), f.writes); diff != "" {
				t.Errorf("writes differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestThreat22_PruneChecksTheUID: an object of the inventory's name that
// somebody else made since is left alone and forgotten.
func TestThreat22_PruneChecksTheUID(t *testing.T) {
	existing, inventory := stale()
	for _, o := range existing {
		o.SetUID("uid-recreated")
		o.SetLabels(nil) // What has our mark is ours, see TestUnrecordedChildrenGo.
	}
	f := newFaulty(t, existing...)
	res, err := f.Apply(t.Context(), owner, inventory, nil)
	if err != nil || len(f.writes) > 0 || len(res.Inventory) > 0 {
		t.Errorf("writes %v, inventory %v, error %v", f.writes, inventoryNames(res.Inventory), err)
	}
}

// TestUnrecordedChildrenGo: the operator died between the write of a child and
// that of the status that would name it. The mark is what tells.
// Fails when find looks at network policies only.
func TestUnrecordedChildrenGo(t *testing.T) {
	existing, inventory := stale()
	for _, o := range existing {
		o.SetUID("uid-unrecorded")
	}
	for name, inventory := range map[string][]v1alpha1.InventoryEntry{"no inventory": nil, "an older one": inventory} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, existing...)
			res, err := f.Apply(t.Context(), owner, inventory, nil)
			if diff := cmp.Diff([]string{closed, pruned}, f.writes); diff != "" || err != nil || len(res.Inventory) > 0 {
				t.Errorf("writes differ (-want +got):\n%s\ninventory %v, error %v", diff, inventoryNames(res.Inventory), err)
			}
			f = newFaulty(t, existing...)
			left, err := f.Teardown(t.Context(), owner, inventory, nil)
			if diff := cmp.Diff([]string{closed, pruned}, f.writes); diff != "" || err != nil || len(left) > 0 {
				t.Errorf("writes of the teardown differ (-want +got):\n%s\ninventory %v, error %v", diff, inventoryNames(left), err)
			}
		})
	}
}

// TestThreat09_PruneChecksTheMark: the inventory alone is no proof.
func TestThreat09_PruneChecksTheMark(t *testing.T) {
	existing, inventory := stale()
	for _, o := range existing {
		o.SetLabels(nil)
	}
	f := newFaulty(t, existing...)
	if _, err := f.Apply(t.Context(), owner, inventory, nil); err != nil || len(f.writes) > 0 {
		t.Errorf("writes %v, error %v", f.writes, err)
	}
}

// TestTeardown: what lets traffic pass goes first, then what runs, and the
// guards stay.
func TestTeardown(t *testing.T) {
	f := newFaulty(t)
	objects := portalObjects()
	res, err := f.Apply(t.Context(), owner, nil, objects)
	if err != nil {
		t.Fatal(err)
	}
	f.writes = nil
	inventory, err := f.Teardown(t.Context(), owner, res.Inventory, objects[:1])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"delete NetworkPolicy tax-filing-base"}
	for _, row := range child.EmittedBy(owner.Kind) {
		for _, o := range objects {
			if kindOf(o) == row.GVK.Kind && kindOf(o) != "NetworkPolicy" {
				want = append(want, "delete "+kindOf(o)+" "+o.GetName())
			}
		}
	}
	if diff := cmp.Diff(want, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"NetworkPolicy tax-filing-deny"}, inventoryNames(inventory)); diff != "" {
		t.Errorf("inventory differs (-want +got):\n%s", diff)
	}
}

// TestGuardGoesWithItsOwner: a guard that is being deleted is made again while
// its owner lives, and left to hold its pods when the owner or the namespace
// goes, although the cache of whoever asks does not know it yet.
// Fails when a guard is released without a look at its owner, or when the
// namespace is read from the cache.
func TestGuardGoesWithItsOwner(t *testing.T) {
	deny := portalObjects()[slices.IndexFunc(portalObjects(), func(o object.Object) bool { return o.GetName() == "tax-filing-deny" })]
	going := metav1.Now()
	guard := deny.DeepCopyObject().(client.Object)
	guard.SetUID("uid-guard")
	guard.SetDeletionTimestamp(&going)
	portal := func(uid types.UID, modify func(*metav1.PartialObjectMetadata)) *metav1.PartialObjectMetadata {
		p := &metav1.PartialObjectMetadata{}
		p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgencyPortal"))
		p.Namespace, p.Name, p.UID = owner.Namespace, owner.Name, uid
		if modify != nil {
			modify(p)
		}
		return p
	}
	for _, c := range []struct {
		name   string
		leaves bool
		owner  *metav1.PartialObjectMetadata
		fail   error
		want   []string
	}{
		{"lives", false, portal(owner.UID, nil), nil, []string{"update NetworkPolicy tax-filing-deny", "create NetworkPolicy tax-filing-deny"}},
		{"lives in a namespace that goes", true, portal(owner.UID, nil), nil, nil},
		{"is gone", false, nil, nil, nil},
		{"goes", false, portal(owner.UID, func(p *metav1.PartialObjectMetadata) { p.DeletionTimestamp = &going }), nil, nil},
		{"was made again", false, portal("another", nil), nil, nil},
		{"cannot be read", false, portal(owner.UID, nil), errInjected, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFaulty(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: owner.Namespace}}, guard.DeepCopyObject().(client.Object))
			f.Live = interceptor.NewClient(f.Client.(client.WithWatch), interceptor.Funcs{
				Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
					if ns, ok := o.(*corev1.Namespace); ok {
						ns.Name = key.Name
						if c.leaves {
							ns.DeletionTimestamp = &going
						}
						return nil
					}
					live, ok := o.(*metav1.PartialObjectMetadata)
					if !ok || key != (client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name}) {
						t.Errorf("read of %T %s", o, key)
					}
					if c.fail == nil && c.owner == nil {
						return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
					}
					if c.owner != nil {
						c.owner.DeepCopyInto(live)
					}
					return c.fail
				},
			})
			res, err := f.Ensure(t.Context(), owner, nil, []object.Object{deny})
			if !errors.Is(err, c.fail) {
				t.Errorf("error %v, want %v", err, c.fail)
			}
			if diff := cmp.Diff(c.want, f.writes); diff != "" {
				t.Errorf("writes differ (-want +got):\n%s", diff)
			}
			if res.Complete() != (c.want != nil) {
				t.Errorf("complete: %v", res.Complete())
			}
		})
	}
}

// TestWithdrawOnly: a round whose bookkeeping failed closes, removes, tightens
// and makes guards, and nothing that opens or runs.
// Fails when mayCreate ignores r.withdraw.
func TestWithdrawOnly(t *testing.T) {
	existing, inventory := stale()
	objects := portalObjects()
	deployment := objects[slices.IndexFunc(objects, func(o object.Object) bool { return kindOf(o) == "Deployment" })].DeepCopyObject().(*appsv1.Deployment)
	deployment.UID, deployment.Spec.Template.Spec.Containers = "uid-deployment", nil
	f := newFaulty(t, append(existing, deployment)...)
	res, err := f.Apply(WithdrawOnly(t.Context()), owner, inventory, objects)
	if err != nil || res.Complete() {
		t.Errorf("complete %v, error %v", res.Complete(), err)
	}
	want := slices.Concat([]string{closed}, guards, []string{"update Deployment tax-filing", pruned})
	if diff := cmp.Diff(want, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
}

// ownPolicy is a network policy of the owner.
func ownPolicy(name string, spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "agency-finance", Name: name, UID: types.UID("uid-" + name), Labels: owner.Labels()}, Spec: spec}
}

// TestClose closes what is not wanted and what a wanted policy opens to others than it
// should, writes nothing, and leaves all the rest as it is.
// Fails when a wanted name is enough.
func TestClose(t *testing.T) {
	existing, inventory := stale()
	peer := func(name string) []networkingv1.NetworkPolicyPeer {
		return []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"p": name}}}}
	}
	policy := func(name string, from ...networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
		return ownPolicy(name, networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: from}}})
	}
	live := []client.Object{policy("same", peer("a")...), policy("fewer", peer("a")...), policy("other", peer("b")...), policy("all"),
		policy("pods", peer("a")...)}
	wanted := []object.Object{policy("same", peer("a")...), policy("fewer", append(peer("a"), peer("b")...)...), policy("other", peer("a")...), policy("all", peer("a")...),
		policy("pods", peer("a")...), policy("missing", peer("a")...)}
	wanted[4].(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels = map[string]string{"p": "c"}
	f := newFaulty(t, append(existing, live...)...)
	res, err := f.Close(t.Context(), owner, inventory, wanted)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.writes)
	want := []string{"delete NetworkPolicy all", "delete NetworkPolicy other", "delete NetworkPolicy pods", closed}
	if diff := cmp.Diff(want, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HorizontalPodAutoscaler tax-filing-old", "NetworkPolicy fewer", "NetworkPolicy same"}, inventoryNames(res.Inventory)); diff != "" {
		t.Errorf("inventory differs (-want +got):\n%s", diff)
	}
}

// TestCloseAtOnce: nothing is read from the API server that the cache shows as it is,
// and no closing waits for another. Each request waits its turn at a loaded API server.
// Fails when they are deleted one after the other, and when they are read before.
func TestCloseAtOnce(t *testing.T) {
	open := networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}
	f := newFaulty(t, ownPolicy("a", open), ownPolicy("b", open), ownPolicy("c", open))
	var arrived sync.WaitGroup
	arrived.Add(3)
	f.Client = interceptor.NewClient(f.Client.(client.WithWatch), interceptor.Funcs{Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
		arrived.Done()
		all := make(chan struct{})
		go func() { arrived.Wait(); close(all) }()
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			t.Error("a deletion waits for another")
		}
		return c.Delete(ctx, o, opts...)
	}})
	f.Live = interceptor.NewClient(f.Live.(client.WithWatch), interceptor.Funcs{Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
		t.Errorf("%s is read before it is closed", key.Name)
		return errInjected
	}})
	res, err := f.Close(t.Context(), owner, nil, nil)
	if err != nil || len(f.writes) != 3 || len(res.Inventory) > 0 {
		t.Errorf("writes %v, inventory %v, error %v", f.writes, inventoryNames(res.Inventory), err)
	}
}

// TestCloseByALateCache: what the cache shows is removed in that version only. One that
// changed since is looked at: it goes if it still is the owner's, and whatever has its
// name by now stays.
// Fails when a deletion has no version among its preconditions, and when a refused one is the end.
func TestCloseByALateCache(t *testing.T) {
	open := networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}
	changed, foreign, stripped := ownPolicy("changed", open), ownPolicy("foreign", open), ownPolicy("stripped", open)
	shut := ownPolicy("shut", networkingv1.NetworkPolicySpec{})
	late := &networkingv1.NetworkPolicyList{}
	for _, p := range []*networkingv1.NetworkPolicy{changed, foreign, stripped, shut} {
		c := p.DeepCopy()
		c.ResourceVersion = "1"
		late.Items = append(late.Items, *c)
	}
	foreign.UID, foreign.Labels = "uid-foreign", nil
	stripped.Labels = nil
	shut.Spec = open
	f := newFaulty(t, changed, foreign, stripped, shut)
	f.Client = interceptor.NewClient(f.Client.(client.WithWatch), interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		if policies, ok := list.(*networkingv1.NetworkPolicyList); ok {
			late.DeepCopyInto(policies)
			return nil
		}
		return c.List(ctx, list, opts...)
	}})
	res, err := f.Close(t.Context(), owner, nil, nil)
	slices.Sort(f.writes)
	if diff := cmp.Diff([]string{"delete NetworkPolicy changed", "delete NetworkPolicy shut"}, f.writes); diff != "" || err != nil || len(res.Inventory) > 0 {
		t.Errorf("writes differ (-want +got):\n%s\ninventory %v, error %v", diff, inventoryNames(res.Inventory), err)
	}
}

// TestWithdraw closes what has one of the names and is not wanted, or opens more than
// what is wanted, and nothing else.
// Fails when what has another name closes.
func TestWithdraw(t *testing.T) {
	from := func(name, peer string) *networkingv1.NetworkPolicy {
		return ownPolicy(name, networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"p": peer}}}}}}})
	}
	f := newFaulty(t, from("base", "a"), from("given", "a"), from("moved", "a"), from("withdrawn", "a"))
	res, err := f.Withdraw(t.Context(), owner, nil, []string{"given", "moved", "withdrawn", "never"}, []object.Object{from("given", "a"), from("moved", "b")})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.writes)
	if diff := cmp.Diff([]string{"delete NetworkPolicy moved", "delete NetworkPolicy withdrawn"}, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"NetworkPolicy base", "NetworkPolicy given"}, inventoryNames(res.Inventory)); diff != "" {
		t.Errorf("inventory differs (-want +got):\n%s", diff)
	}
}

// TestWithdrawOnlyNeverWidens: a round that only withdraws takes from a policy what it
// should not open, and gives it nothing: no peer, no rule, no other pods.
// Fails when what is there is always made as it should be, and when a policy that would
// get a peer keeps one that it should lose.
func TestWithdrawOnlyNeverWidens(t *testing.T) {
	policy := func(name string, peers ...string) *networkingv1.NetworkPolicy {
		p := ownPolicy(name, networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}})
		for _, peer := range peers {
			p.Spec.Egress[0].To = append(p.Spec.Egress[0].To, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: peer}})
		}
		return p
	}
	f := newFaulty(t, policy("fewer", "192.0.2.1/32", "192.0.2.2/32"), policy("more", "192.0.2.1/32"), policy("other", "192.0.2.1/32"))
	wanted := []object.Object{policy("fewer", "192.0.2.2/32"), policy("more", "192.0.2.1/32", "192.0.2.2/32"), policy("other", "192.0.2.2/32"), policy("new", "192.0.2.1/32")}
	res, err := f.Ensure(WithdrawOnly(t.Context()), owner, nil, wanted)
	if err != nil || res.Complete() {
		t.Errorf("complete %v, %v", res.Complete(), err)
	}
	if diff := cmp.Diff([]string{"update NetworkPolicy fewer", "update NetworkPolicy other"}, f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	egress := func(name string) (out []string) {
		var p networkingv1.NetworkPolicy
		if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: "agency-finance", Name: name}, &p); err != nil {
			t.Fatal(err)
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 {
				out = append(out, "all")
			}
			for _, to := range rule.To {
				out = append(out, to.IPBlock.CIDR)
			}
		}
		return out
	}
	for name, want := range map[string][]string{"fewer": {"192.0.2.2/32"}, "more": {"192.0.2.1/32"}, "other": nil} {
		if diff := cmp.Diff(want, egress(name)); diff != "" {
			t.Errorf("%s is open (-want +got):\n%s", name, diff)
		}
	}
	// A whole round that only withdraws does the same.
	f = newFaulty(t, policy("mixed", "192.0.2.1/32", "192.0.2.3/32"))
	if _, err := f.Apply(WithdrawOnly(t.Context()), owner, nil, []object.Object{policy("mixed", "192.0.2.1/32", "192.0.2.2/32")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"192.0.2.1/32"}, egress("mixed")); diff != "" {
		t.Errorf("after a whole round it is open (-want +got):\n%s", diff)
	}
}

// TestUnknownKind: a kind that the table does not have is an error and never
// gets a place by default; what closes goes on.
func TestUnknownKind(t *testing.T) {
	existing, inventory := stale()
	f := newFaulty(t, existing...)
	secret := &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: "agency-finance", Name: "s"}}
	inventory = append(inventory, v1alpha1.InventoryEntry{Group: "example.org", Kind: "Thing", Name: "x", UID: "uid-thing"})
	res, err := f.Apply(t.Context(), owner, inventory, append(portalObjects(), secret))
	if err == nil || !strings.Contains(err.Error(), "Secret") || !strings.Contains(err.Error(), "Thing.example.org") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(slices.Concat([]string{closed}, guards, []string{pruned}), f.writes); diff != "" {
		t.Errorf("writes differ (-want +got):\n%s", diff)
	}
	if !slices.Contains(inventoryNames(res.Inventory), "Thing x") {
		t.Error("what this version does not know is forgotten")
	}
}
