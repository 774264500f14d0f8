package fault

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestRivalManager has another manager take a field of a Deployment and of a network policy again and again, as soon as it
// changes: the operator answers what is taken and writes no more than that, others are not affected, and all is as it was
// when the rival goes (O1 to O5).
// Fails when what is as it should be is written again: the operator writes more than the rival.
func TestRivalManager(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	w, other := newWorld(env, 0), newWorld(env, 1)
	makeBase(t, w)
	op.WaitQuiet(t, rest)
	want, err := env.Snapshot(t.Context(), w.has)
	if err != nil {
		t.Fatal(err)
	}
	recorded := record(t, env, w)
	op.Requests.Reset()
	const war = 20 * time.Second
	taken := 0
	ctx, cancel := context.WithTimeout(t.Context(), war)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		taken = rival(ctx, env, w)
	}()
	makeBase(t, other)
	<-done
	mine := 0
	for _, r := range op.Requests.Writes() {
		if strings.Contains(r.Path, w.a) {
			mine++
		}
	}
	t.Logf("in %s the rival took the fields %d times, and the operator wrote %d times", war, taken, mine)
	if taken < 5 {
		t.Error("the rival hardly took anything: the test does not reach what it is for")
	}
	if most := 2 * taken; mine > most {
		t.Errorf("the operator wrote %d times in %s, want at most %d", mine, war, most)
	}
	within(t, roomy(healed), "all is as it was", func() error {
		got, err := env.Snapshot(t.Context(), w.has)
		if err != nil || got != want {
			return fmt.Errorf("the end differs (%w)", err)
		}
		return nil
	})
	op.WaitQuiet(t, *quiet)
	if turns := turnsOf(recorded.Revisions(t), w); len(turns) > 0 {
		t.Errorf("children came or went, where only fields were taken: %v", turns)
	}
	recorded.guarded(t)
	recorded.opensOnly(t)
}

// rival takes fields until the context ends, and counts how often it had to.
func rival(ctx context.Context, env *harness.Env, w *world) int {
	taken := 0
	last := map[string]string{}
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		for _, content := range []map[string]any{
			{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": names.Namespace(w.a)}, "spec": map[string]any{"replicas": int64(4)}},
			{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": map[string]any{"name": "web-base", "namespace": names.Namespace(w.a)}, "spec": map[string]any{"policyTypes": []any{"Egress"}}},
		} {
			o := &unstructured.Unstructured{Object: content}
			kind := o.GetKind()
			if err := env.Admin.Patch(ctx, o, client.Apply, client.FieldOwner("rival"), client.ForceOwnership); err != nil { //nolint:staticcheck // unstructured objects
				continue
			}
			if o.GetResourceVersion() != last[kind] {
				taken++
			}
			last[kind] = o.GetResourceVersion()
		}
	}
	return taken
}

// TestUpgradeInAStorm replaces the operator by one with another setting while some portals are updated again and again: it
// writes nothing of the others.
// Fails when what is as it should be is written again.
func TestUpgradeInAStorm(t *testing.T) {
	env := start(t)
	old := env.Operator(t, harness.OperatorOptions{})
	w := newWorld(env, 0)
	w.makeAgency(t)
	var moving []*v1alpha1.AgencyPortal
	for i := range 6 {
		still := harness.Portal(w.a, fmt.Sprintf("still-%d", i), small)
		p := harness.Portal(w.a, fmt.Sprintf("moving-%d", i), small)
		w.create(t, still)
		w.create(t, p)
		env.WaitReady(t, still, p)
		moving = append(moving, p)
	}
	old.WaitQuiet(t, rest)
	recorded := record(t, env, w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			for _, p := range moving {
				patch := fmt.Sprintf(`{"spec":{"port":%d}}`, 9000+n%50)
				_ = env.Admin.Patch(ctx, p.DeepCopy(), harness.MergePatch(patch))
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	time.Sleep(2 * time.Second)
	stop(t, old)
	changed := settings.Default()
	changed.TimeZone = "Asia/Ho_Chi_Minh"
	fresh := env.Operator(t, harness.OperatorOptions{Settings: &changed})
	time.Sleep(5 * time.Second)
	cancel()
	<-done
	env.WaitReady(t, moving[0], moving[5])
	fresh.WaitQuiet(t, *quiet)
	touched := 0
	for _, r := range fresh.Requests.Writes() {
		if strings.Contains(r.Path, "still-") {
			t.Errorf("the new operator wrote what had not changed: %s %s", r.Method, r.Path)
		}
		if strings.Contains(r.Path, "moving-") {
			touched++
		}
	}
	if touched == 0 {
		t.Error("the new operator wrote nothing: the test does not reach what it is for")
	}
	recorded.guarded(t)
}
