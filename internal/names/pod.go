package names

import (
	"regexp"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// templateHash is what a Deployment names its ReplicaSets with. Without a dash
// in it, no ReplicaSet of another Deployment has the same name.
var templateHash = regexp.MustCompile(`^[a-z0-9]+$`)

// PodOfDeployment reports whether a pod's metadata says that a ReplicaSet of the
// Deployment controls it. The owner references of a pod can't be changed through
// its status, and a pod whose ReplicaSet does not exist is collected; so nobody
// but who may create pods can make this true for another pod.
func PodOfDeployment(pod metav1.Object, deployment string) bool {
	ref := metav1.GetControllerOf(pod)
	hash := pod.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
	return ref != nil && ref.APIVersion == appsv1.SchemeGroupVersion.String() && ref.Kind == "ReplicaSet" &&
		templateHash.MatchString(hash) && ref.Name == deployment+"-"+hash
}
