package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// What an agency gets when its spec states nothing; the schema has the same
// defaults, so these serve offline rendering only.
const (
	defaultQuotaCPU     = "32"
	defaultQuotaMemory  = "64Gi"
	defaultQuotaPods    = 100
	defaultQuotaPortals = 20
)

// portalQuota is the number of portals that an agency may have. The operator
// counts them itself: a ResourceQuota on a new kind refuses everything until
// the quota controller has discovered the kind.
func portalQuota(a *v1alpha1.Agency) int {
	if a.Spec.Quota.Portals == nil {
		return defaultQuotaPortals
	}
	return int(*a.Spec.Quota.Portals)
}

// resourceQuota bounds what the agency uses. While the agency is suspended no
// pod is admitted at all, whoever asks for it. Services that open node ports or
// load balancers would bypass the gateways and are never admitted.
func resourceQuota(s scope, a *v1alpha1.Agency) *corev1.ResourceQuota {
	q := a.Spec.Quota
	pods := int32(defaultQuotaPods)
	if q.Pods != nil {
		pods = *q.Pods
	}
	if a.Spec.Suspended {
		pods = 0
	}
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: s.meta("agency-quota"),
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			corev1.ResourceRequestsCPU:           amount(q.CPU, nil, defaultQuotaCPU),
			corev1.ResourceRequestsMemory:        amount(q.Memory, nil, defaultQuotaMemory),
			corev1.ResourcePods:                  *resource.NewQuantity(int64(pods), resource.DecimalSI),
			corev1.ResourceServicesNodePorts:     *resource.NewQuantity(0, resource.DecimalSI),
			corev1.ResourceServicesLoadBalancers: *resource.NewQuantity(0, resource.DecimalSI),
		}},
	}
}
