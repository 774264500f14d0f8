package agency

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
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

var approvalsResource = countedResource(kinds.DataSharingApproval)

// LeastApprovals is the least that spec.quota.approvals counts as. An approval
// closes too: no figure may keep a side from rejecting or suspending.
const LeastApprovals = 50

// bound is how many objects of one kind an agency may have, never fewer than
// least.
type bound struct {
	field            string
	resource         corev1.ResourceName
	of               func(v1alpha1.AgencyQuota) *int32
	otherwise, least int32
}

func (b bound) in(q v1alpha1.AgencyQuota) int32 {
	if n := b.of(q); n != nil {
		return max(*n, b.least)
	}
	return b.otherwise
}

// bounds has every kind that people write in an agency's namespace. The canary
// of config/manager counts the platform's among them.
var bounds = []bound{
	{"spec.quota.portals", countedResource(kinds.AgencyPortal), func(q v1alpha1.AgencyQuota) *int32 { return q.Portals }, defaultQuotaPortals, 0},
	{"spec.quota.configMaps", "count/configmaps", func(q v1alpha1.AgencyQuota) *int32 { return q.ConfigMaps }, 100, 0},
	{"spec.quota.dataServices", countedResource(kinds.DataService), func(q v1alpha1.AgencyQuota) *int32 { return q.DataServices }, 50, 0},
	{"spec.quota.approvals", approvalsResource, func(q v1alpha1.AgencyQuota) *int32 { return q.Approvals }, 500, LeastApprovals},
	{"spec.quota.links", countedResource(kinds.DataSharingLink), func(q v1alpha1.AgencyQuota) *int32 { return q.Links }, 100, 0},
	{"spec.quota.secrets", "count/secrets", func(q v1alpha1.AgencyQuota) *int32 { return q.Secrets }, 100, 0},
}

// countedResource returns the resource under which Kubernetes counts the objects of a kind.
func countedResource(d kinds.Descriptor) corev1.ResourceName {
	return corev1.ResourceName("count/" + d.Plural + "." + v1alpha1.GroupVersion.Group)
}

// Counted reports whether Kubernetes counts, in the namespace of a quota, the
// platform's kinds and what else of bounds the quota has. A quota whose status
// names a kind that Kubernetes does not know how to count refuses every new object
// of it; one whose status does not name it yet refuses none. Approvals, which not
// every agency is bounded in, show it where they are bounded.
func Counted(q *corev1.ResourceQuota) bool {
	return !slices.ContainsFunc(bounds, func(b bound) bool {
		_, bounded := q.Spec.Hard[b.resource]
		_, counted := q.Status.Used[b.resource]
		platform := b.resource != approvalsResource && strings.HasSuffix(string(b.resource), "."+v1alpha1.GroupVersion.Group)
		return !counted && (bounded || platform)
	})
}

// PortalQuota is the number of portals that an agency may have. The operator
// counts them too: what was made before Kubernetes counted does not start. What
// has started runs on when the figure is lowered.
func PortalQuota(a *v1alpha1.Agency) int {
	if a.Spec.Quota.Portals == nil {
		return defaultQuotaPortals
	}
	return int(*a.Spec.Quota.Portals)
}

// QuotaField returns the field of an Agency that bounds a resource; empty for
// none.
func QuotaField(name corev1.ResourceName) string {
	switch name {
	case corev1.ResourcePods:
		return "spec.quota.pods"
	case corev1.ResourceRequestsCPU:
		return "spec.quota.cpu"
	case corev1.ResourceRequestsMemory:
		return "spec.quota.memory"
	}
	for _, b := range bounds {
		if b.resource == name {
			return b.field
		}
	}
	return ""
}

// Exceeded lists what a namespace uses beyond its quota, as after a figure was
// lowered; empty for nothing. No number of pods fits an agency that is suspended.
func Exceeded(q *corev1.ResourceQuota) string {
	var out []string
	for name, hard := range q.Spec.Hard {
		used := q.Status.Used[name]
		if field := QuotaField(name); field != "" && used.Cmp(hard) > 0 && (name != corev1.ResourcePods || !hard.IsZero()) {
			out = append(out, fmt.Sprintf("%s is %s and %s is used", field, hard.String(), used.String()))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// resourceQuota bounds what the agency uses. While the agency is suspended no
// pod is admitted at all, whoever asks for it. Services that open node ports or
// load balancers would bypass the gateways and are never admitted.
// Objects are bounded once Kubernetes counts their kinds; the authority's
// approvals, with which it suspends any link, are not.
func resourceQuota(s object.Scope, a *v1alpha1.Agency, authority string, counts bool) *corev1.ResourceQuota {
	q := a.Spec.Quota
	pods := int32(defaultQuotaPods)
	if q.Pods != nil {
		pods = *q.Pods
	}
	if a.Spec.Suspended {
		pods = 0
	}
	hard := corev1.ResourceList{
		corev1.ResourceRequestsCPU:           object.Amount(q.CPU, nil, defaultQuotaCPU),
		corev1.ResourceRequestsMemory:        object.Amount(q.Memory, nil, defaultQuotaMemory),
		corev1.ResourcePods:                  *resource.NewQuantity(int64(pods), resource.DecimalSI),
		corev1.ResourceServicesNodePorts:     *resource.NewQuantity(0, resource.DecimalSI),
		corev1.ResourceServicesLoadBalancers: *resource.NewQuantity(0, resource.DecimalSI),
	}
	if counts {
		for _, b := range bounds {
			if b.resource == approvalsResource && a.Name == authority {
				continue
			}
			hard[b.resource] = *resource.NewQuantity(int64(b.in(q)), resource.DecimalSI)
		}
	}
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: s.Meta(QuotaName),
		Spec:       corev1.ResourceQuotaSpec{Hard: hard},
	}
}
