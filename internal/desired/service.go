package desired

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// service gives the portal a stable name inside the platform. It goes to the
// port that each pod names, so that pods of the spec before are reached on
// theirs; while there are such, callers may still use the port from before.
func service(s scope, spec *v1alpha1.AgencyPortalSpec, ports []int32) *corev1.Service {
	served := []corev1.ServicePort{servicePort(portName, spec.Port)}
	for _, p := range sortedPorts(ports) {
		if p != spec.Port {
			served = append(served, servicePort(portName+"-"+strconv.Itoa(int(p)), p))
		}
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: s.meta(s.portal),
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeClusterIP,
			Selector:              portalLabels(s.portal),
			SessionAffinity:       corev1.ServiceAffinityNone,
			InternalTrafficPolicy: ptrTo(corev1.ServiceInternalTrafficPolicyCluster),
			Ports:                 served,
		},
	}
}

func servicePort(name string, number int32) corev1.ServicePort {
	return corev1.ServicePort{
		Name: name, Protocol: corev1.ProtocolTCP, AppProtocol: ptrTo("http"),
		Port: number, TargetPort: intstr.FromString(portName),
	}
}
