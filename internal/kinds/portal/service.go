package portal

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/object"
)

// service gives the portal a stable name inside the platform. It goes to the
// port that each pod names, so that pods of the spec before are reached on
// theirs; while there are such, callers may still use the port from before.
func service(s object.Scope, spec *v1alpha1.AgencyPortalSpec, ports []int32) *corev1.Service {
	served := []corev1.ServicePort{servicePort(portName, spec.Port)}
	for _, p := range flow.SortedPorts(ports) {
		if p != spec.Port {
			served = append(served, servicePort(portName+"-"+strconv.Itoa(int(p)), p))
		}
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: s.Meta(s.Portal),
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeClusterIP,
			Selector:              flow.PortalLabels(s.Portal),
			SessionAffinity:       corev1.ServiceAffinityNone,
			InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
			Ports:                 served,
		},
	}
}

func servicePort(name string, number int32) corev1.ServicePort {
	return corev1.ServicePort{
		Name: name, Protocol: corev1.ProtocolTCP, AppProtocol: ptr.To("http"),
		Port: number, TargetPort: intstr.FromString(portName),
	}
}
