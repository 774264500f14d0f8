package desired

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// replace decides whether a spec may be written over what runs. Approvals of links
// are about the program, its class, level and exposure. So before another one is
// written it is on record that it may run, which closes the portal's links, and it
// stays there until no pod of another one is left, however often the spec changes
// meanwhile. wait is true in the round that only records.
func replace(in PortalInput, spec *v1alpha1.AgencyPortalSpec) (_ *v1alpha1.PortalReplacement, wait bool) {
	was := in.Portal.Status.Replacing
	if !ownDeployment(in) {
		return nil, false
	}
	runs := templateImage(in.Deployment)
	switch {
	case was != nil && runs == spec.Image && settled(in.Deployment) && isLast(in.Portal, spec):
		return nil, false
	case was != nil:
		return &v1alpha1.PortalReplacement{From: was.From, To: policy.Repository(spec.Image)}, false
	case policy.Repository(runs) == policy.Repository(spec.Image) && sameFacts(in.Settings, in.Portal.Status.LastCompliant, spec):
		return nil, false
	default:
		return &v1alpha1.PortalReplacement{From: policy.Repository(runs), To: policy.Repository(spec.Image)}, true
	}
}

func isLast(p *v1alpha1.AgencyPortal, spec *v1alpha1.AgencyPortalSpec) bool {
	return spec == p.Status.LastCompliant || spec == &p.Spec && isLastCompliant(p)
}

// sameFacts reports whether two specs are the same to approvals of links.
func sameFacts(s settings.Settings, last, next *v1alpha1.AgencyPortalSpec) bool {
	return last == nil || facts(s, last) == facts(s, next)
}

// facts are what is material about a spec: see end.
func facts(s settings.Settings, spec *v1alpha1.AgencyPortalSpec) v1alpha1.LinkScopeEnd {
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
