package portal

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/internal/object"
)

// serviceAccount is the portal's identity. It has no rights and no token.
func serviceAccount(s object.Scope) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   s.Meta(s.Portal),
		AutomountServiceAccountToken: ptr.To(false),
	}
}
