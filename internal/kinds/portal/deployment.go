package portal

import (
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// runAs is the unprivileged user and group of every portal.
const runAs = 65532

const (
	containerName     = "portal"
	portName          = "http"
	terminationGrace  = 30
	probePeriod       = 5
	tmpSizeLimit      = "64Mi"
	progressDeadline  = 600
	revisionHistory   = 3
	failuresUntilDead = 3
)

// deployment is the hardened workload of a portal. With an autoscaler it starts
// with the least number of pods and says that more are the autoscaler's.
func deployment(s object.Scope, in Input, spec *v1alpha1.AgencyPortalSpec, subject policy.Subject, floor control.Floor) *appsv1.Deployment {
	m := s.Meta(s.Portal)
	replicas := spec.Replicas.Min
	switch {
	case suspended(in):
		replicas = 0
	case autoscales(spec.Replicas):
		m.Annotations = map[string]string{names.AnnotationAutoscaled: "true"}
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: m,
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: flow.PortalLabels(s.Portal)},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromInt32(0)), MaxSurge: ptr.To(intstr.FromInt32(1))},
			},
			RevisionHistoryLimit:    ptr.To(int32(revisionHistory)),
			ProgressDeadlineSeconds: ptr.To(int32(progressDeadline)),
			Template:                podTemplate(s, spec, subject, floor),
		},
	}
}

func podTemplate(s object.Scope, spec *v1alpha1.AgencyPortalSpec, subject policy.Subject, floor control.Floor) corev1.PodTemplateSpec {
	labels := s.Owner.Labels()
	maps.Copy(labels, flow.PortalLabels(s.Portal))
	labels[names.LabelAgency] = s.Agency
	labels[names.LabelName] = s.Portal
	labels[names.LabelPartOf] = s.Agency
	labels[names.LabelSecurityLevel] = strconv.Itoa(int(subject.Level))
	labels[names.LabelExposure] = string(subject.Exposure)
	t := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			ServiceAccountName:            s.Portal,
			DeprecatedServiceAccount:      s.Portal,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			RestartPolicy:                 corev1.RestartPolicyAlways,
			DNSPolicy:                     corev1.DNSClusterFirst,
			SchedulerName:                 corev1.DefaultSchedulerName,
			TerminationGracePeriodSeconds: ptr.To(int64(terminationGrace)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(runAs)), RunAsGroup: ptr.To(int64(runAs)), FSGroup: ptr.To(int64(runAs)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			TopologySpreadConstraints: spread(s.Portal),
			Containers:                []corev1.Container{portalContainer(s, spec)},
			Volumes: []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{
				EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse(tmpSizeLimit))},
			}}},
		},
	}
	floor.Write(&t)
	if spec.Restart != "" {
		if t.Annotations == nil {
			t.Annotations = map[string]string{}
		}
		t.Annotations[names.AnnotationRestart] = spec.Restart
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
			LabelSelector: &metav1.LabelSelector{MatchLabels: flow.PortalLabels(portal)},
		})
	}
	return out
}

func portalContainer(s object.Scope, spec *v1alpha1.AgencyPortalSpec) corev1.Container {
	return corev1.Container{
		Name:                     containerName,
		Image:                    spec.Image,
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Env:                      environment(s, spec),
		Ports:                    []corev1.ContainerPort{{Name: portName, ContainerPort: spec.Port, Protocol: corev1.ProtocolTCP}},
		Resources:                resources(spec.Resources),
		StartupProbe:             httpProbe(spec.Probes.LivenessPath, max(1, spec.Probes.StartupSeconds/probePeriod)),
		LivenessProbe:            httpProbe(spec.Probes.LivenessPath, failuresUntilDead),
		ReadinessProbe:           httpProbe(spec.Probes.ReadinessPath, failuresUntilDead),
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		VolumeMounts:             []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Privileged:               ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			RunAsNonRoot:             ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

// environment is what the platform tells a portal, then the portal's own
// variables. A name of the platform's stands once: a second PORT would hide the
// one that Service and probes go to.
func environment(s object.Scope, spec *v1alpha1.AgencyPortalSpec) []corev1.EnvVar {
	out := []corev1.EnvVar{
		{Name: "PORTAL_AGENCY", Value: s.Agency},
		{Name: "PORTAL_NAME", Value: s.Portal},
		{Name: "PORT", Value: strconv.Itoa(int(spec.Port))},
	}
	platform := len(out)
	for _, v := range spec.Env {
		if slices.ContainsFunc(out[:platform], func(e corev1.EnvVar) bool { return e.Name == v.Name }) {
			continue
		}
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
			corev1.ResourceCPU:    object.Amount(r.Requests.CPU, r.Limits.CPU, agency.DefaultRequestCPU),
			corev1.ResourceMemory: object.Amount(r.Requests.Memory, r.Limits.Memory, agency.DefaultRequestMemory),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceCPU:    limit(r.Limits.CPU, r.Requests.CPU, agency.DefaultLimitCPU),
			corev1.ResourceMemory: limit(r.Limits.Memory, r.Requests.Memory, agency.DefaultLimitMemory),
		},
	}
}

// limit returns the stated limit or the default, which is never below the
// stated request.
func limit(stated, request *resource.Quantity, fallback string) resource.Quantity {
	if stated != nil {
		return *stated
	}
	q := resource.MustParse(fallback)
	if request != nil && request.Cmp(q) > 0 {
		return *request
	}
	return q
}
