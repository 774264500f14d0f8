package share

import (
	"encoding/json"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestSettle: what has settled is not changed by its encoding any more.
// Fails when Settle does nothing: a quantity notes how it is written.
func TestSettle(t *testing.T) {
	amount := resource.NewQuantity(1<<20, resource.BinarySI)
	d := &appsv1.Deployment{}
	d.Spec.Template.Spec = corev1.PodSpec{
		Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: amount}}}},
		Containers: []corev1.Container{{
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": *resource.NewMilliQuantity(500, resource.DecimalSI)}},
			Env:       []corev1.EnvVar{{ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Divisor: *resource.NewQuantity(1, resource.DecimalSI)}}}},
		}},
	}
	Settle(d)
	before := d.DeepCopy()
	if _, err := d.Marshal(); err != nil || !reflect.DeepEqual(before, d) {
		t.Errorf("its encoding changed it: %v", err)
	}
	// A standard's bound, which every portal's round shows.
	policy := &v1alpha1.SecurityPolicy{}
	if err := json.Unmarshal([]byte(`{"spec":{"resources":{"maxMemory":"8Gi","maxCPU":"1.5"}}}`), policy); err != nil {
		t.Fatal(err)
	}
	Settle(policy)
	read := policy.DeepCopy()
	if r := policy.Spec.Resources; r == nil || r.MaxMemory.String() != "8Gi" || r.MaxCPU.String() != "1500m" || !reflect.DeepEqual(read, policy) {
		t.Errorf("to show its bounds changed it: %+v", policy.Spec.Resources)
	}
	for o, want := range map[any]bool{&appsv1.Deployment{}: true, &corev1.ResourceQuota{}: true, &networkingv1.NetworkPolicy{}: false} {
		if amounts(reflect.TypeOf(o)) != want {
			t.Errorf("%T may hold quantities: %t", o, !want)
		}
	}
}
