package threats

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	env.Merge(t, portal, `{"spec":{"image":"registry.platform.example.gov.vn/other/miner:1"}}`)
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
		if r := harness.Stored(t, env, portal).Status.Replacing; r != nil {
			return fmt.Errorf("the rollout does not end: %+v", r)
		}
		return nil
	})
	env.Merge(t, consumer, `{"spec":{"quota":{"pods":1}}}`)
	env.WaitReady(t, consumer)
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, harness.Image))
	harness.Eventually(t, func() error {
		p := harness.Stored(t, env, portal)
		if r := p.Status.Replacing; r == nil || p.Status.ObservedGeneration != p.Generation || p.Status.LastCompliant == nil || p.Status.LastCompliant.Image != harness.Image {
			return fmt.Errorf("the approved program is not being rolled out: %+v", p.Status)
		}
		return nil
	})
	env.WaitCondition(t, s.link, v1alpha1.ConditionReferencesResolved, "False", v1alpha1.ReasonEndReplaced)
	staysShut(t, s.link)
	running("registry.platform.example.gov.vn/other/miner:1")
	env.Merge(t, consumer, `{"spec":{"quota":{"pods":10}}}`)
	running(harness.Image)
	waitPair(t, s.link, 2)
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil || portal.Status.Replacing != nil {
		t.Errorf("%v: %+v", err, portal.Status.Replacing)
	}
}

// TestThreat28_PodsThatEnd: an administrator starts a program that nobody approved, and
// goes back to the approved one; the Deployment is lost and made anew meanwhile. None
// counts the pods of the other program that end, and the link stays closed until they
// are gone.
// Fails when a link opens by the portal's record alone, and when that goes with the
// workload.
func TestThreat28_PodsThatEnd(t *testing.T) {
	operate(t)
	s := newShared(t, "t28e")
	s.approve(t)
	portal := harness.Portal(s.consumer, "asks")
	const other = "registry.platform.example.gov.vn/other/miner:1"
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, other))
	waitPair(t, s.link, 0)
	var held []corev1.Pod
	harness.Eventually(t, func() error {
		held = slices.DeleteFunc(podsOf(t, s.consumer), func(p corev1.Pod) bool { return p.Spec.Containers[0].Image != other })
		if len(held) == 0 {
			return errors.New("the other program does not run yet")
		}
		return nil
	})
	holds := func(finalizers string) {
		for i := range held {
			if err := env.Admin.Patch(t.Context(), &held[i], harness.MergePatch(`{"metadata":{"finalizers":`+finalizers+`}}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	holds(`["example.org/ends-slowly"]`)
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"image":%q}}`, harness.Image))
	harness.Eventually(t, func() error {
		if !slices.ContainsFunc(podsOf(t, s.consumer), func(p corev1.Pod) bool { return p.Spec.Containers[0].Image == harness.Image }) {
			return errors.New("the approved program does not run yet")
		}
		return nil
	})
	// A new Deployment knows nothing of the pods of the one before.
	if err := env.Admin.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: portal.Namespace, Name: portal.Name}}, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if r := harness.Stored(t, env, portal).Status.Replacing; r != nil {
			return fmt.Errorf("it is on record still: %+v", r)
		}
		return nil
	})
	env.WaitReady(t, portal)
	env.WaitCondition(t, s.link, v1alpha1.ConditionReferencesResolved, "False", v1alpha1.ReasonEndReplaced)
	staysShut(t, s.link)
	// It waits without writing.
	before := harness.Stored(t, env, s.link).ResourceVersion
	never(t, 5*time.Second, func() error {
		if now := harness.Stored(t, env, s.link).ResourceVersion; now != before {
			return fmt.Errorf("the link is written while it waits: revision %s, then %s", before, now)
		}
		return nil
	})
	holds(`null`)
	waitPair(t, s.link, 2)
}
