package integration

import (
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// touch makes an event for an object without changing anything that matters, so
// that every controller looks at it again.
func touch(t *testing.T, o client.Object) {
	t.Helper()
	patch := harness.MergePatch(`{"metadata":{"annotations":{"example.org/touched":"` + time.Now().Format(time.RFC3339Nano) + `"}}}`)
	if err := env.Admin.Patch(t.Context(), o, patch); err != nil {
		t.Fatalf("touch %s: %v", o.GetName(), err)
	}
}

// TestConvergedIsSilent reconciles everything a second time and counts at the
// transport: no write, no read that misses the cache.
func TestConvergedIsSilent(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	env.WaitEmpty(t)
	agency := harness.Agency("silent", "A10")
	policy := harness.Policy("silent", "silent", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}, RequireDigest: true}
	})
	fixed := harness.Portal("silent", "fixed")
	scaled := harness.Portal("silent", "scaled", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas = v1alpha1.Replicas{Min: 2, Max: ptr.To(int32(4))} })
	env.Create(t, policy, agency)
	env.WaitReady(t, agency, policy)
	env.Create(t, fixed, scaled)
	env.WaitReady(t, fixed, scaled)
	op.WaitQuiet(t, 3*time.Second)

	op.Requests.Reset()
	for _, o := range []client.Object{agency, policy, fixed, scaled} {
		touch(t, o)
	}
	time.Sleep(2 * time.Second)
	if w := op.Requests.Writes(); len(w) > 0 {
		t.Errorf("a second reconcile wrote:%s", harness.String(w))
	}
	if r := op.Requests.Reads(); len(r) > 0 {
		t.Errorf("a second reconcile read past the cache:%s", harness.String(r))
	}

	t.Run("restart", func(t *testing.T) {
		if err := op.Stop(); err != nil {
			t.Fatalf("stop: %v", err)
		}
		again := env.Operator(t, harness.OperatorOptions{})
		time.Sleep(3 * time.Second)
		if w := again.Requests.Writes(); len(w) > 0 {
			t.Errorf("a restarted operator wrote:%s", harness.String(w))
		}
	})
}
