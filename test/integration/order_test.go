package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/test/harness"
)

// TestAnyOrderConverges applies the national sample as written, in reverse and
// shuffled, each time from nothing, and compares where it ends.
func TestAnyOrderConverges(t *testing.T) {
	sample, err := harness.Render("config/samples/national")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range sample {
		// Where the standards come last, they stop the violators that run by then.
		if o.GetKind() == "SecurityPolicy" {
			accepted := map[string]any{"portals": int64(100), "links": int64(100)}
			if err := unstructured.SetNestedMap(o.Object, accepted, "spec", "acceptedImpact"); err != nil {
				t.Fatal(err)
			}
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("shuffled with seed %d", seed)
	shuffled := slices.Clone(sample)
	rand.New(rand.NewPCG(seed, seed)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	reversed := slices.Clone(sample)
	slices.Reverse(reversed)

	op := env.Operator(t, harness.OperatorOptions{})
	env.WaitEmpty(t)
	want := ""
	for _, c := range []struct {
		name    string
		objects []*unstructured.Unstructured
	}{{"as written", sample}, {"reverse", reversed}, {"shuffled", shuffled}} {
		t.Run(c.name, func(t *testing.T) {
			gitops(t, c.objects)
			harness.Eventually(t, func() error { return settled(t, len(sample)) })
			op.WaitQuiet(t, 3*time.Second)
			got, err := env.Snapshot(t.Context(), func(o client.Object) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the order changes the end state (-want +got):\n%s", diff)
			}
			removeAll(t, c.objects)
		})
	}
}

// gitops applies objects in order, again and again until each is accepted.
func gitops(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	pending := objects
	harness.Eventually(t, func() error {
		var rest []*unstructured.Unstructured
		var last error
		for _, o := range pending {
			if err := env.Admin.Patch(t.Context(), o.DeepCopy(), client.Apply, client.FieldOwner("gitops"), client.ForceOwnership); err != nil { //nolint:staticcheck // unstructured objects of any kind
				rest, last = append(rest, o), err
			}
		}
		pending = rest
		return last
	})
}

// waitsForPeople are reasons that no controller can do anything about.
var waitsForPeople = []string{
	v1alpha1.ReasonWaitingForRoutes, v1alpha1.ReasonPortalNotReady, v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonEndNotCompliant,
}

// settled tells whether every object of the platform has been looked at.
func settled(t *testing.T, objects int) error {
	t.Helper()
	seen := 0
	for _, d := range kinds.All() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(d.ListGVK())
		if err := env.Admin.List(t.Context(), list); err != nil {
			return err
		}
		for _, o := range list.Items {
			seen++
			observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
			conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
			for _, c := range conditions {
				if m, ok := c.(map[string]any); ok && m["type"] == v1alpha1.ConditionReconciling && !slices.Contains(waitsForPeople, m["reason"].(string)) {
					return fmt.Errorf("%s %s still works; where only people can go on, add its reason to waitsForPeople in test/integration/order_test.go: %v: %v", d.Kind, o.GetName(), m["reason"], m["message"])
				}
			}
			if observed != o.GetGeneration() {
				return fmt.Errorf("%s %s is not observed", d.Kind, o.GetName())
			}
		}
	}
	if seen < objects {
		return fmt.Errorf("%d of %d objects exist", seen, objects)
	}
	return nil
}

// removeAll removes everything the safe way and waits until it is gone.
func removeAll(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == "Agency" {
			patch := harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`)
			if err := env.Admin.Patch(t.Context(), o.DeepCopy(), patch); err != nil {
				t.Fatal(err)
			}
		}
		if err := env.Admin.Delete(t.Context(), o.DeepCopy()); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	for _, o := range objects {
		harness.Eventually(t, func() error {
			err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o.DeepCopy())
			if apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("%s %s is still there (%w)", o.GetKind(), o.GetName(), err)
		})
	}
}
