package controlplane

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// testAdmission makes many admission policies and expects that each refuses once
// the wait is over. Without the wait all of them let the first requests pass.
func testAdmission(t *testing.T, c *ControlPlane) {
	ctx := startContext(t)
	clients := clientFor(t, c.AdminConfig())
	var refused []*corev1.ConfigMap
	for range 20 {
		policy, binding, configMap := canary()
		refused = append(refused, configMap)
		if _, err := clients.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, policy, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := clients.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitAdmission(ctx); err != nil {
		t.Fatal(err)
	}
	for _, configMap := range refused {
		if _, err := clients.CoreV1().ConfigMaps(configMap.Namespace).Create(ctx, configMap, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("%s is not refused: %v", configMap.Name, err)
		}
	}
	left, err := clients.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(ctx, metav1.ListOptions{})
	if err != nil || len(left.Items) != len(refused) {
		t.Errorf("%d policies are left of %d: %v", len(left.Items), len(refused), err)
	}
}
