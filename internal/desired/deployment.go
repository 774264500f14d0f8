package desired

import (
	"maps"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/policy"
)

// What a pod gets when the spec states nothing; the schema has the same
// defaults, so these serve offline rendering only.
const (
	defaultRequestCPU    = "100m"
	defaultRequestMemory = "128Mi"
	defaultLimitCPU      = "1"
	defaultLimitMemory   = "512Mi"
)

// runAs is the unprivileged user and group of every portal.
const runAs = 65532

const (
	portName          = "http"
	terminationGrace  = 30
	probePeriod       = 5
	tmpSizeLimit      = "64Mi"
	progressDeadline  = 600
	revisionHistory   = 3
	failuresUntilDead = 3
)

// portalLabels select the pods of a portal inside its namespace.
func portalLabels(portal string) map[string]string {
	return map[string]string{names.LabelPortal: portal}
}

// deployment is the hardened workload of a portal. With an autoscaler the
// number of replicas is the autoscaler's and is left out.
func deployment(s scope, in PortalInput, spec *v1alpha1.AgencyPortalSpec, subject policy.Subject, floor policy.Floor) *appsv1.Deployment {
	replicas := ptrTo(spec.Replicas.Min)
	switch {
	case suspended(in):
		replicas = ptrTo(int32(0))
	case autoscales(spec.Replicas):
		replicas = nil
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: s.meta(s.portal),
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas,
			Selector: &metav1.LabelSelector{MatchLabels: portalLabels(s.portal)},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptrTo(intstr.FromInt32(0)), MaxSurge: ptrTo(intstr.FromInt32(1))},
			},
			RevisionHistoryLimit:    ptrTo(int32(revisionHistory)),
			ProgressDeadlineSeconds: ptrTo(int32(progressDeadline)),
			Template:                podTemplate(s, spec, subject, floor),
		},
	}
}

func podTemplate(s scope, spec *v1alpha1.AgencyPortalSpec, subject policy.Subject, floor policy.Floor) corev1.PodTemplateSpec {
	labels := s.owner.Labels()
	maps.Copy(labels, portalLabels(s.portal))
	labels[names.LabelAgency] = s.agency
	labels[names.LabelName] = s.portal
	labels[names.LabelPartOf] = s.agency
	labels[names.LabelSecurityLevel] = strconv.Itoa(int(subject.Level))
	labels[names.LabelExposure] = string(subject.Exposure)
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			ServiceAccountName:            s.portal,
			DeprecatedServiceAccount:      s.portal,
			AutomountServiceAccountToken:  ptrTo(false),
			EnableServiceLinks:            ptrTo(false),
			RestartPolicy:                 corev1.RestartPolicyAlways,
			DNSPolicy:                     corev1.DNSClusterFirst,
			SchedulerName:                 corev1.DefaultSchedulerName,
			TerminationGracePeriodSeconds: ptrTo(int64(terminationGrace)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptrTo(true), RunAsUser: ptrTo(int64(runAs)), RunAsGroup: ptrTo(int64(runAs)), FSGroup: ptrTo(int64(runAs)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			TopologySpreadConstraints: spread(s.portal),
			Containers:                []corev1.Container{portalContainer(s, spec)},
			Volumes: []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{
				EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptrTo(resource.MustParse(tmpSizeLimit))},
			}}},
		},
	}
	if floor.RuntimeClassName != "" {
		t.Spec.RuntimeClassName = ptrTo(floor.RuntimeClassName)
	}
	if floor.NodePool != "" {
		t.Spec.NodeSelector = map[string]string{names.LabelNodePool: floor.NodePool}
		t.Spec.Tolerations = []corev1.Toleration{{Key: names.LabelNodePool, Operator: corev1.TolerationOpEqual, Value: floor.NodePool}}
	}
	if floor.RetentionMonths > 0 {
		t.Annotations = map[string]string{names.AnnotationLogRetention: strconv.Itoa(int(floor.RetentionMonths))}
	}
	return t
}

// spread keeps the pods apart: on different zones and nodes where there are
// some, but never unscheduled because there are none.
func spread(portal string) []corev1.TopologySpreadConstraint {
	var out []corev1.TopologySpreadConstraint
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelHostname} {
		out = append(out, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: portalLabels(portal)},
		})
	}
	return out
}

func portalContainer(s scope, spec *v1alpha1.AgencyPortalSpec) corev1.Container {
	env := []corev1.EnvVar{
		{Name: "PORTAL_AGENCY", Value: s.agency},
		{Name: "PORTAL_NAME", Value: s.portal},
		{Name: "PORT", Value: strconv.Itoa(int(spec.Port))},
	}
	return corev1.Container{
		Name:                     "portal",
		Image:                    spec.Image,
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Env:                      append(env, environment(spec.Env)...),
		Ports:                    []corev1.ContainerPort{{Name: portName, ContainerPort: spec.Port, Protocol: corev1.ProtocolTCP}},
		Resources:                resources(spec.Resources),
		StartupProbe:             httpProbe(spec.Probes.LivenessPath, max(1, spec.Probes.StartupSeconds/probePeriod)),
		LivenessProbe:            httpProbe(spec.Probes.LivenessPath, failuresUntilDead),
		ReadinessProbe:           httpProbe(spec.Probes.ReadinessPath, failuresUntilDead),
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		VolumeMounts:             []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptrTo(false),
			Privileged:               ptrTo(false),
			ReadOnlyRootFilesystem:   ptrTo(true),
			RunAsNonRoot:             ptrTo(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func environment(vars []v1alpha1.EnvVar) []corev1.EnvVar {
	var out []corev1.EnvVar
	for _, v := range vars {
		e := corev1.EnvVar{Name: v.Name, Value: v.Value}
		if v.ValueFrom != nil {
			e.ValueFrom = &corev1.EnvVarSource{}
			if r := v.ValueFrom.SecretKeyRef; r != nil {
				e.ValueFrom.SecretKeyRef = &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: r.Name}, Key: r.Key}
			}
			if r := v.ValueFrom.ConfigMapKeyRef; r != nil {
				e.ValueFrom.ConfigMapKeyRef = &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: r.Name}, Key: r.Key}
			}
		}
		out = append(out, e)
	}
	return out
}

func httpProbe(path string, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(portName), Scheme: corev1.URISchemeHTTP}},
		TimeoutSeconds:   2,
		PeriodSeconds:    probePeriod,
		SuccessThreshold: 1,
		FailureThreshold: failures,
	}
}

func resources(r v1alpha1.PortalResources) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    amount(r.Requests.CPU, r.Limits.CPU, defaultRequestCPU),
			corev1.ResourceMemory: amount(r.Requests.Memory, r.Limits.Memory, defaultRequestMemory),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceCPU:    amount(r.Limits.CPU, nil, defaultLimitCPU),
			corev1.ResourceMemory: amount(r.Limits.Memory, nil, defaultLimitMemory),
		},
	}
}

// amount returns the stated quantity or the default, which never exceeds the
// stated limit.
func amount(stated, limit *resource.Quantity, fallback string) resource.Quantity {
	if stated != nil {
		return *stated
	}
	q := resource.MustParse(fallback)
	if limit != nil && limit.Cmp(q) < 0 {
		return *limit
	}
	return q
}
