package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
)

// TestRestoreWritesOnlyWhatWasInForce: what waited for a second person in the old
// cluster is not written, and is named.
func TestRestoreWritesOnlyWhatWasInForce(t *testing.T) {
	inForce := &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"a", "gone"}}}
	for name, tt := range map[string]struct {
		status v1alpha1.AgencyStatus
		groups []string
		waits  []string
	}{
		"some wait":                    {v1alpha1.AgencyStatus{Namespace: "agency-x", Rights: inForce}, []string{"a"}, []string{"adminGroups b", "viewerGroups v"}},
		"nothing in force":             {v1alpha1.AgencyStatus{Namespace: "agency-x", Rights: &v1alpha1.GrantedRights{}}, nil, []string{"adminGroups a", "adminGroups b", "viewerGroups v"}},
		"no operator looked":           {v1alpha1.AgencyStatus{}, nil, []string{"adminGroups a", "adminGroups b", "viewerGroups v"}},
		"an operator without a record": {v1alpha1.AgencyStatus{Namespace: "agency-x"}, []string{"a", "b"}, nil},
	} {
		a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Status: tt.status}
		a.Spec.AdminGroups, a.Spec.ViewerGroups = []v1alpha1.GroupName{"a", "b"}, []v1alpha1.GroupName{"v"}
		a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "mai"}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
		if err != nil {
			t.Fatal(err)
		}
		var plan restorePlan
		written, err := plan.onlyRightsInForce([]*unstructured.Unstructured{{Object: content}})
		if err != nil {
			t.Fatal(err)
		}
		want, waits := written[0], []string(nil)
		for _, w := range plan.rights {
			waits = append(waits, desired.RightsList(w.rights)...)
		}
		if diff := cmp.Diff(tt.waits, waits); diff != "" {
			t.Errorf("%s: waits (-want +got):\n%s", name, diff)
		}
		groups, _, _ := unstructured.NestedStringSlice(want.Object, "spec", "adminGroups")
		if diff := cmp.Diff(tt.groups, groups); diff != "" {
			t.Errorf("%s: written (-want +got):\n%s", name, diff)
		}
		if _, asks, _ := unstructured.NestedMap(want.Object, "spec", "rightsChange"); asks != (tt.waits == nil) {
			t.Errorf("%s: rightsChange is written: %v", name, asks)
		}
	}
}
