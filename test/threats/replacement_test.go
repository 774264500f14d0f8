package threats

import (
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// TestThreat28_PodsOfAnotherProgram: an administrator starts a program that nobody
// approved, and goes back to the approved one with a tag, or a quota, that keeps the
// rollout from ever ending: the spec is approved and the pods are not. The link stays
// closed until the last of them is gone, and opens then by what was approved.
// Fails when links look at specs alone.
func TestThreat28_PodsOfAnotherProgram(t *testing.T) {
	operate(t)
	s := newShared(t, "t28r")
	s.approve(t)
	portal := harness.Portal(s.consumer, "asks")
	consumer := &v1alpha1.Agency{}
	consumer.Name = s.consumer
	merge(t, portal, `{"spec":{"image":"registry.platform.example.gov.vn/other/miner:1"}}`)
	waitPair(t, s.link, 0)
	running := func(image string) {
		t.Helper()
		harness.Eventually(t, func() error {
			for _, p := range podsOf(t, s.consumer) {
				if p.DeletionTimestamp == nil && p.Spec.Containers[0].Image != image {
					return fmt.Errorf("pod %s runs %s", p.Name, p.Spec.Containers[0].Image)
				}
			}
			return nil
		})
	}
	running("registry.platform.example.gov.vn/other/miner:1")
	harness.Eventually(t, func() error {
		if r := stored(t, portal).Status.Replacing; r != nil {
			return fmt.Errorf("the rollout does not end: %+v", r)
		}
		return nil
	})
	merge(t, consumer, `{"spec":{"quota":{"pods":1}}}`)
	env.WaitReady(t, consumer)
	merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, harness.Image))
	harness.Eventually(t, func() error {
		p := stored(t, portal)
		if r := p.Status.Replacing; r == nil || p.Status.ObservedGeneration != p.Generation || p.Status.LastCompliant == nil || p.Status.LastCompliant.Image != harness.Image {
			return fmt.Errorf("the approved program is not being rolled out: %+v", p.Status)
		}
		return nil
	})
	env.WaitCondition(t, s.link, v1alpha1.ConditionReferencesResolved, "False", v1alpha1.ReasonEndReplaced)
	staysShut(t, s.link)
	running("registry.platform.example.gov.vn/other/miner:1")
	merge(t, consumer, `{"spec":{"quota":{"pods":10}}}`)
	running(harness.Image)
	waitPair(t, s.link, 2)
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil || portal.Status.Replacing != nil {
		t.Errorf("%v: %+v", err, portal.Status.Replacing)
	}
}
