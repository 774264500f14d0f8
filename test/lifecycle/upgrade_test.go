package lifecycle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestUpgrade installs the present version over what the released one left. Everything that existed is the same object
// afterwards, no pod is restarted, what was suspended stays shut, and what an approval no longer covers is shut with its
// reason until it is decided anew.
func TestUpgrade(t *testing.T) {
	env := startReleased(t)
	before, templates := kept(t, env), templatesOf(t, env)
	if err := env.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	root := mayDoEverything(t, env)
	standardsStay(t, root)
	op := env.Operator(t, harness.OperatorOptions{})
	consumer, provider, violator := harness.Portal("asks", "consumer"), harness.Portal("gives", "provider"), harness.Portal("asks", "violator")
	env.WaitReady(t, harness.Agency("asks", ""), harness.Agency("gives", ""), consumer, provider)
	env.WaitCondition(t, violator, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
	open, halted := linkNamed("kept"), linkNamed("halted")
	env.WaitCondition(t, halted, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	env.WaitCondition(t, open, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
	op.WaitQuiet(t, quiet)
	standardsStay(t, root)
	for _, l := range []*v1alpha1.DataSharingLink{open, halted} {
		if policies, err := env.LinkPolicies(t.Context(), l); err != nil || len(policies) > 0 {
			t.Errorf("link %s has %d policies (%v), want none", l.Name, len(policies), err)
		}
	}
	after := kept(t, env)
	for name, uid := range before {
		if after[name] != uid && !ofLink(name) {
			t.Errorf("%s: UID %q before the upgrade, %q after it", name, uid, after[name])
		}
	}
	if diff := cmp.Diff(templates, templatesOf(t, env)); diff != "" {
		t.Errorf("the upgrade restarts pods (-before +after):\n%s", diff)
	}
	decideAnew(t, env, open)
}

// mayDoEverything returns a client of a user with every right, for whom admission policies hold.
func mayDoEverything(t *testing.T, env *harness.Env) client.Client {
	t.Helper()
	env.Create(t, harness.Everywhere("root", "cluster-admin", "root"))
	root := env.User(t, "root")
	harness.Eventually(t, func() error { return root.List(t.Context(), &v1alpha1.SecurityPolicyList{}) })
	return root
}

// standardsStay fails unless the standards that the released version enforced are guarded from deletion: before the present
// operator has looked at them as well as afterwards, without a word in their specs.
func standardsStay(t *testing.T, root client.Client) {
	t.Helper()
	for _, name := range []string{"direct", "registries"} {
		harness.Eventually(t, func() error {
			err := root.Delete(t.Context(), &v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}, client.DryRunAll)
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "govplatform-standard-deletion") {
				return fmt.Errorf("delete policy %s: want it refused, got %w", name, err)
			}
			return nil
		})
	}
}

// ofLink reports whether a network policy is one of a link's, which go when its approval no longer covers it.
func ofLink(name string) bool {
	return strings.Contains(name, "/link-")
}

func linkNamed(name string) *v1alpha1.DataSharingLink {
	l := &v1alpha1.DataSharingLink{}
	l.Namespace, l.Name = names.Namespace("asks"), name
	return l
}

// decideAnew approves the present scope of a link and waits until it is open.
func decideAnew(t *testing.T, env *harness.Env, l *v1alpha1.DataSharingLink) {
	t.Helper()
	a := &v1alpha1.DataSharingApproval{}
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(l), l); err != nil {
			return err
		}
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: names.Namespace("gives"), Name: l.Name}, a); err != nil {
			return err
		}
		a.Spec.SpecHash = l.Status.SpecHash
		return env.Admin.Update(t.Context(), a)
	})
	env.WaitReady(t, l)
	harness.Eventually(t, func() error {
		policies, err := env.LinkPolicies(t.Context(), l)
		if err != nil || len(policies) != 2 {
			return fmt.Errorf("%d policies of %s, want 2 (%w)", len(policies), l.Name, err)
		}
		return nil
	})
}

// templatesOf returns the pod templates of all Deployments.
func templatesOf(t *testing.T, env *harness.Env) map[string]any {
	t.Helper()
	var list appsv1.DeploymentList
	if err := env.Admin.List(t.Context(), &list, client.MatchingLabels{names.LabelManagedBy: names.ManagedBy}); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for i := range list.Items {
		out[list.Items[i].Namespace+"/"+list.Items[i].Name] = list.Items[i].Spec.Template
	}
	return out
}
