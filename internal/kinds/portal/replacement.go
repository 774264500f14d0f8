package portal

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// replace decides whether a spec may be written over what runs. Approvals of links
// are about the program, its class, level and exposure. So before another one is
// written it is on record that it may run, which closes the portal's links, and it
// stays there until no pod of another one is left, however often the spec changes
// meanwhile. wait is true in the round that only records, and while a link is open
// still.
func replace(in Input, spec *v1alpha1.AgencyPortalSpec) (_ *v1alpha1.PortalReplacement, wait bool) {
	was, last := in.Portal.Status.Replacing, in.Portal.Status.LastCompliant
	own := ownDeployment(in)
	var runs string
	switch {
	case own:
		runs = templateImage(in.Deployment)
	case last != nil:
		// What is not there, or is somebody else's, proves nothing: pods of it may end.
		runs = last.Image
	}
	switch {
	case was != nil && own && runs == spec.Image && allPodsCurrent(in.Deployment) && (isLast(in.Portal, spec) || written(in, spec)):
		return nil, false
	case was != nil:
		open := len(in.LinkPolicies) > 0 && policy.Repository(runs) != policy.Repository(spec.Image)
		return &v1alpha1.PortalReplacement{From: was.From, To: policy.Repository(spec.Image)}, open
	case !own && last == nil:
		// It starts for the first time, or nobody knows what ran.
		if len(in.LinkPolicies) == 0 {
			return nil, false
		}
		program := policy.Repository(spec.Image)
		return &v1alpha1.PortalReplacement{From: program, To: program}, true
	case policy.Repository(runs) == policy.Repository(spec.Image) && sameFacts(in.Settings, in.Portal.Status.LastCompliant, spec):
		return nil, false
	default:
		return &v1alpha1.PortalReplacement{From: policy.Repository(runs), To: policy.Repository(spec.Image)}, true
	}
}

// recordingMessage tells why the workload of a new program is not written yet.
func recordingMessage(in Input, r *v1alpha1.PortalReplacement) string {
	if len(in.LinkPolicies) > 0 && in.Portal.Status.Replacing != nil {
		return fmt.Sprintf("Image %s is about to replace %s; it is written when no link is open to what was not approved: NetworkPolicy %s is still there.", r.To, r.From, in.LinkPolicies[0])
	}
	return fmt.Sprintf("Image %s is about to replace %s; that is being recorded (status.replacing), so that no link is open to what was not approved, and the workload is written then.", r.To, r.From)
}

func isLast(p *v1alpha1.AgencyPortal, spec *v1alpha1.AgencyPortalSpec) bool {
	return spec == p.Status.LastCompliant || spec == &p.Spec && object.IsLastCompliant(p)
}

// sameFacts reports whether two specs are the same to approvals of links.
func sameFacts(s settings.Settings, last, next *v1alpha1.AgencyPortalSpec) bool {
	return last == nil || Facts(s, last) == Facts(s, next)
}

// Facts are what is material about a spec: see end.
func Facts(s settings.Settings, spec *v1alpha1.AgencyPortalSpec) v1alpha1.LinkScopeEnd {
	level, _ := policy.SecurityLevel(spec, s.SecurityLevels)
	return v1alpha1.LinkScopeEnd{Exposure: spec.Exposure, SecurityLevel: level, DataClassification: spec.DataClassification, Image: policy.Repository(spec.Image)}
}

// templateImage is the image of the portal's own container.
func templateImage(d *appsv1.Deployment) string {
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name == containerName {
			return c.Image
		}
	}
	return ""
}

// OtherProgram reports whether a pod runs, or may run, another program than the one
// that is approved. Only what has ended, and can't start again, is none.
func OtherProgram(pod *corev1.Pod, approved string) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	return !slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return c.Name == containerName && policy.Repository(c.Image) == approved
	})
}

// Settled reports whether a Deployment is observed to run the approved program and
// nothing else. Pods that end, and those of an earlier Deployment, may not be
// counted in it.
func Settled(d *appsv1.Deployment, approved string) bool {
	return d != nil && policy.Repository(templateImage(d)) == approved && allPodsCurrent(d)
}
