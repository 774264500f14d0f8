package process

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// TestNodePeersFollowTheSettings: the policy by which nodes make no gateways, monitoring
// and name servers follows the settings in force at the next start, goes when they name
// no such pods, and waits for one of its name that somebody else made.
// Fails when objects without peers are not applied, and when a name is proof enough.
func TestNodePeersFollowTheSettings(t *testing.T) {
	cleared(t)
	op := env.Operator(t, harness.OperatorOptions{})
	wantPeers(t, "gateway-dedicated", "gateway-internet", "kube-system", "monitoring")

	s := settings.Default()
	s.Monitoring = []settings.Peer{{Namespace: "watching"}}
	op = restarted(t, op, s)
	wantPeers(t, "gateway-dedicated", "gateway-internet", "kube-system", "watching")

	s.Monitoring, s.Gateways, s.ClusterDNS = nil, nil, settings.NameServers{Addresses: []string{"169.254.20.10/32"}}
	op = restarted(t, op, s)
	wantPeers(t)
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}

	foreign, ok := securitypolicy.NodePeers(settings.Default(), nil)[0].(*admissionv1.ValidatingAdmissionPolicy)
	if !ok {
		t.Fatal("the first object is no policy")
	}
	foreign.Labels = map[string]string{names.LabelManagedBy: "somebody"}
	foreign.Spec.Validations[0].Expression = "true"
	env.Create(t, foreign)
	before := foreign.DeepCopy()
	env.Operator(t, harness.OperatorOptions{})
	env.WaitTold(t, harness.OperatorNamespace, harness.AboutAny, "Warning Conflict: ", "ValidatingAdmissionPolicy "+names.NodePeersPolicy+" exists")
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign); err != nil || foreign.UID != before.UID || foreign.Generation != before.Generation || !maps.Equal(foreign.Labels, before.Labels) {
		t.Errorf("somebody else's policy was touched: %+v, %v", foreign.ObjectMeta, err)
	}
	if err := env.Admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	wantPeers(t, "gateway-dedicated", "gateway-internet", "kube-system", "monitoring")
}

// wantPeers waits until the policy and its binding are there and hold in exactly these
// namespaces; none for neither.
func wantPeers(t *testing.T, namespaces ...string) {
	t.Helper()
	key := client.ObjectKey{Name: names.NodePeersPolicy}
	harness.Eventually(t, func() error {
		var v admissionv1.ValidatingAdmissionPolicy
		missing := env.Admin.Get(t.Context(), key, &v)
		unbound := env.Admin.Get(t.Context(), key, &admissionv1.ValidatingAdmissionPolicyBinding{})
		if len(namespaces) == 0 {
			if !apierrors.IsNotFound(missing) || !apierrors.IsNotFound(unbound) {
				return fmt.Errorf("it is still there (%w, %w)", missing, unbound)
			}
			return nil
		}
		if err := errors.Join(missing, unbound); err != nil {
			return err
		}
		want := []metav1.LabelSelectorRequirement{{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpIn, Values: namespaces}}
		if got := v.Spec.MatchConstraints.NamespaceSelector.MatchExpressions; len(got) != 1 || got[0].Key != want[0].Key || !slices.Equal(got[0].Values, namespaces) {
			return fmt.Errorf("it holds in %+v, want %v", got, namespaces)
		}
		// Kubernetes checks the expressions against the types that they match.
		if v.Status.TypeChecking == nil || v.Status.ObservedGeneration != v.Generation {
			return errors.New("its types are not checked yet")
		}
		for _, w := range v.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s", w.FieldRef, w.Warning)
		}
		return nil
	})
}
