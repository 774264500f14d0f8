package desired

import (
	"slices"
	"strings"

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

// QuotaName is the name of an agency's quota in its namespace.
const QuotaName = "agency-quota"

// bound is how many objects of one kind an agency may have.
type bound struct {
	resource  corev1.ResourceName
	of        func(v1alpha1.AgencyQuota) *int32
	otherwise int32
}

// bounds has every kind that people write in an agency's namespace. The canary
// of config/manager counts the platform's among them.
var bounds = []bound{
	{"count/agencyportals.platform.gov.vn", func(q v1alpha1.AgencyQuota) *int32 { return q.Portals }, defaultQuotaPortals},
	{"count/configmaps", func(q v1alpha1.AgencyQuota) *int32 { return q.ConfigMaps }, 100},
	{"count/dataservices.platform.gov.vn", func(q v1alpha1.AgencyQuota) *int32 { return q.DataServices }, 50},
	{"count/datasharingapprovals.platform.gov.vn", func(q v1alpha1.AgencyQuota) *int32 { return q.Approvals }, 500},
	{"count/datasharinglinks.platform.gov.vn", func(q v1alpha1.AgencyQuota) *int32 { return q.Links }, 100},
	{"count/secrets", func(q v1alpha1.AgencyQuota) *int32 { return q.Secrets }, 100},
}

// Counted reports whether Kubernetes counts, in the namespace of a quota, the
// platform's kinds and what else of bounds the quota has. A quota whose status
// names a kind that Kubernetes does not know how to count refuses every new object
// of it; one whose status does not name it yet refuses none.
func Counted(q *corev1.ResourceQuota) bool {
	return !slices.ContainsFunc(bounds, func(b bound) bool {
		_, bounded := q.Spec.Hard[b.resource]
		_, counted := q.Status.Used[b.resource]
		return !counted && (bounded || strings.HasSuffix(string(b.resource), "."+v1alpha1.GroupVersion.Group))
	})
}

// portalQuota is the number of portals that an agency may have. The operator
// counts them too: what was there before the bound, or before Kubernetes counted,
// does not run.
func portalQuota(a *v1alpha1.Agency) int {
	if a.Spec.Quota.Portals == nil {
		return defaultQuotaPortals
	}
	return int(*a.Spec.Quota.Portals)
}

// resourceQuota bounds what the agency uses. While the agency is suspended no
// pod is admitted at all, whoever asks for it. Services that open node ports or
// load balancers would bypass the gateways and are never admitted.
// Objects are bounded once Kubernetes counts their kinds.
func resourceQuota(s scope, a *v1alpha1.Agency, counts bool) *corev1.ResourceQuota {
	q := a.Spec.Quota
	pods := int32(defaultQuotaPods)
	if q.Pods != nil {
		pods = *q.Pods
	}
	if a.Spec.Suspended {
		pods = 0
	}
	hard := corev1.ResourceList{
		corev1.ResourceRequestsCPU:           amount(q.CPU, nil, defaultQuotaCPU),
		corev1.ResourceRequestsMemory:        amount(q.Memory, nil, defaultQuotaMemory),
		corev1.ResourcePods:                  *resource.NewQuantity(int64(pods), resource.DecimalSI),
		corev1.ResourceServicesNodePorts:     *resource.NewQuantity(0, resource.DecimalSI),
		corev1.ResourceServicesLoadBalancers: *resource.NewQuantity(0, resource.DecimalSI),
	}
	if counts {
		for _, b := range bounds {
			n := b.otherwise
			if set := b.of(q); set != nil {
				n = *set
			}
			hard[b.resource] = *resource.NewQuantity(int64(n), resource.DecimalSI)
		}
	}
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: s.meta(QuotaName),
		Spec:       corev1.ResourceQuotaSpec{Hard: hard},
	}
}
