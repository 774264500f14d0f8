package view

import (
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Scheme knows the kinds that the commands read.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	// They fail on a nil scheme only.
	for _, add := range []func(*runtime.Scheme) error{
		v1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, networkingv1.AddToScheme, authenticationv1.AddToScheme, authorizationv1.AddToScheme,
		coordinationv1.AddToScheme,
	} {
		_ = add(scheme)
	}
	return scheme
}
