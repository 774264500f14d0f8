package portal

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// keeps is what the operator itself demands of a newest spec, and that spec does not
// have. It keeps the spec from running and never stops what has started: an edit, or
// what somebody else made or removed, stops nothing. all is false while the portal is
// about to lose what runs for another reason.
func keeps(in Input, all bool) []v1alpha1.PolicyFinding {
	out := requiredPlatforms(in, &in.Portal.Spec)
	if !all || !started(in.Portal, in.Deployment) {
		// What else is demanded of a portal that starts blocks it: see blockers.
		return out
	}
	if awaitedPlatform(in) != nil {
		out = append(out, v1alpha1.PolicyFinding{Policy: BuiltIn, Mode: v1alpha1.ModeEnforce, Control: PlatformRefs,
			Found: "a SharedPlatform that does not exist", Wanted: "the one that the portal needs; correct the name in spec.platformRefs, or ask the authority to provide it"})
	}
	if secondOneStop(in) {
		out = append(out, v1alpha1.PolicyFinding{Policy: BuiltIn, Mode: v1alpha1.ModeEnforce, Control: oneStopControl,
			Found: "the component OneStop beside the portal " + in.OneStopHolder, Wanted: "one one-stop system in an agency; merge the two or remove the component"})
	}
	return out
}

// oneStopControl is the control of the operator's own that bounds one-stop systems.
const oneStopControl = "components"

// keptByOwn reports whether the operator's own demands are among findings.
func keptByOwn(findings []v1alpha1.PolicyFinding) bool {
	return slices.ContainsFunc(findings, func(f v1alpha1.PolicyFinding) bool { return f.Policy == BuiltIn })
}

// classOf is the class of a violation. A platform that comes later is waited for;
// anything else takes a person.
func classOf(in Input, violated []v1alpha1.PolicyFinding) object.BlockerClass {
	if len(violated) == 1 && violated[0].Policy == BuiltIn && violated[0].Control == PlatformRefs && awaitedPlatform(in) != nil {
		return object.Waiting
	}
	return object.Terminal
}

// OneStop reports whether a spec is that of a one-stop system.
func OneStop(spec *v1alpha1.AgencyPortalSpec) bool {
	return slices.Contains(spec.Components, v1alpha1.ComponentOneStop)
}

// RunsOneStop reports whether a portal has started as a one-stop system. Where it is
// not known what runs, its spec says.
func RunsOneStop(p *v1alpha1.AgencyPortal, d *appsv1.Deployment) bool {
	if !started(p, d) {
		return false
	}
	if last := p.Status.LastCompliant; last != nil {
		return OneStop(last)
	}
	return OneStop(&p.Spec)
}

// BeginsOneStop reports whether a portal is about to run as a one-stop system, and
// has not before.
func BeginsOneStop(in Input, out Output) bool {
	return out.Running == &in.Portal.Spec && OneStop(out.Running) && !RunsOneStop(in.Portal, in.Deployment)
}

func secondOneStop(in Input) bool { return in.OneStopHolder != "" && OneStop(&in.Portal.Spec) }
