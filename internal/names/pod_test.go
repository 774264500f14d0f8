package names

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPodOfDeployment fails where a ReplicaSet's name is only compared by its
// beginning, as portal "tax" and portal "tax-filing" show.
func TestPodOfDeployment(t *testing.T) {
	yes := true
	pod := func(kind, replicaSet, hash string) *metav1.ObjectMeta {
		return &metav1.ObjectMeta{Labels: map[string]string{"pod-template-hash": hash, LabelPortal: "tax"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: replicaSet, Controller: &yes}}}
	}
	no := pod("ReplicaSet", "tax-5d4f", "5d4f")
	no.OwnerReferences[0].Controller = nil
	for name, c := range map[string]struct {
		pod  *metav1.ObjectMeta
		want bool
	}{
		"made":                         {pod("ReplicaSet", "tax-5d4f", "5d4f"), true},
		"made for another":             {pod("ReplicaSet", "tax-filing-5d4f", "5d4f"), false},
		"made for another, relabelled": {pod("ReplicaSet", "tax-filing-5d4f", "filing-5d4f"), false},
		"without a hash":               {pod("ReplicaSet", "tax-", ""), false},
		"of another kind":              {pod("Job", "tax-5d4f", "5d4f"), false},
		"not controlled":               {no, false},
		"by hand":                      {&metav1.ObjectMeta{Labels: map[string]string{LabelPortal: "tax"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := PodOfDeployment(c.pod, "tax"); got != c.want {
				t.Errorf("PodOfDeployment = %t, want %t", got, c.want)
			}
		})
	}
}
