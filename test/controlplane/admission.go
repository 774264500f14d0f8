package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
)

// WaitAdmission waits until the API server asks every admission policy that was
// made before the call: it takes a moment, and a test that is refused something
// meanwhile, or is not, says nothing. The API server reads policies and bindings
// in the order in which they were written, and puts all of them in force at
// once; so the last of each tells of the others.
func (c *ControlPlane) WaitAdmission(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(c.AdminConfig())
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	policies, bindings := clients.AdmissionregistrationV1().ValidatingAdmissionPolicies(), clients.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	policy, binding, refused := canary()
	if _, err := policies.Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the canary: %w", err)
	}
	if _, err := bindings.Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind the canary: %w", err)
	}
	for {
		_, err := clients.CoreV1().ConfigMaps(refused.Namespace).Create(ctx, refused, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the API server to ask the admission policies: %w", errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(bindings.Delete(ctx, binding.Name, metav1.DeleteOptions{}), policies.Delete(ctx, policy.Name, metav1.DeleteOptions{}))
}

// canary returns an admission policy, its binding, and what only it refuses. Their
// name is new in each call, since one that was just deleted may refuse for a
// moment more.
func canary() (*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding, *corev1.ConfigMap) {
	name := "controlplane-admission-canary-" + string(uuid.NewUUID())
	fail := admissionv1.Fail
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				ResourceNames: []string{name},
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "the admission policies are in force"}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}
	return policy, binding, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}}
}
