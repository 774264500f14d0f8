package agency

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
)

func TestApprovalsInTheQuota(t *testing.T) {
	const none = -1
	tests := []struct {
		name, agency string
		stated       *int32
		counts       bool
		want         int64
	}{
		{"nothing stated", "finance", nil, true, 500},
		{"more than the least", "finance", ptr.To(int32(51)), true, 51},
		{"less than the least, from an earlier version", "finance", ptr.To(int32(0)), true, LeastApprovals},
		{"the authority", "mic", ptr.To(int32(60)), true, none},
		{"nobody counts", "finance", ptr.To(int32(60)), false, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: tt.agency}, Spec: v1alpha1.AgencySpec{Quota: v1alpha1.AgencyQuota{Approvals: tt.stated}}}
			q := resourceQuota(object.Scope{}, a, "mic", tt.counts)
			got := int64(none)
			if n, ok := q.Spec.Hard[approvalsResource]; ok {
				got = n.Value()
			}
			if got != tt.want {
				t.Errorf("approvals %d, want %d", got, tt.want)
			}
		})
	}
}

// TestCounted: an agency's quota shows that Kubernetes counts also where it
// bounds no approvals; one that bounds them and does not count them does not.
func TestCounted(t *testing.T) {
	a := func(name string) *v1alpha1.Agency { return &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name}} }
	observed := func(q *corev1.ResourceQuota, but ...corev1.ResourceName) *corev1.ResourceQuota {
		q.Status.Used = corev1.ResourceList{}
		for name := range q.Spec.Hard {
			q.Status.Used[name] = resource.MustParse("0")
		}
		for _, name := range but {
			delete(q.Status.Used, name)
		}
		return q
	}
	tests := []struct {
		name string
		in   *corev1.ResourceQuota
		want bool
	}{
		{"an agency's", observed(resourceQuota(object.Scope{}, a("finance"), "mic", true)), true},
		{"an agency's without its approvals", observed(resourceQuota(object.Scope{}, a("finance"), "mic", true), approvalsResource), false},
		{"the authority's", observed(resourceQuota(object.Scope{}, a("mic"), "mic", true)), true},
		{"the authority's without its links", observed(resourceQuota(object.Scope{}, a("mic"), "mic", true), "count/datasharinglinks.platform.gov.vn"), false},
		{"one that bounds no kinds", observed(resourceQuota(object.Scope{}, a("finance"), "mic", false)), false},
		{"nothing observed", resourceQuota(object.Scope{}, a("finance"), "mic", true), false},
	}
	for _, tt := range tests {
		if got := Counted(tt.in); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestEveryKindOfAgenciesIsBounded: whoever may write a kind may write it without an
// end unless the quota counts it. Fails with one of bounds taken out.
func TestEveryKindOfAgenciesIsBounded(t *testing.T) {
	for _, d := range kinds.Namespaced() {
		if QuotaField(countedResource(d)) == "" {
			t.Errorf("%s are not bounded: add a field to AgencyQuota in api/v1alpha1/agency_types.go and a row to bounds in internal/kinds/agency/resourcequota.go", d.Plural)
		}
	}
}
