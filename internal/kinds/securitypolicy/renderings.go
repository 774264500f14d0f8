package securitypolicy

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// regime is the policies in force if some of them were accepted.
type regime struct {
	// key names the accepted ones.
	key      string
	policies []v1alpha1.SecurityPolicy
}

// regime returns the policies in force once the given ones are accepted.
func (in *ImpactInput) regime(accepted []v1alpha1.SecurityPolicy) regime {
	names := make([]string, len(accepted))
	for i := range accepted {
		names[i] = accepted[i].Name
	}
	slices.Sort(names)
	return regime{strings.Join(names, ","), policy.InForce(acceptAll(in.Policies, accepted))}
}

// once makes the input keep what is rendered for it: what a change stops is asked
// several times in a round, and rendering the portals is what that costs.
func (in *ImpactInput) once() {
	if in.rendered == nil {
		in.rendered = &renderings{kept: map[renderingKey]judgement{}}
	}
}

// renderings are the running specs of portals, each rendered once for each
// regime. Of what was rendered only the judgement is kept: there are thousands of
// portals, and their objects would all be in memory at once.
type renderings struct {
	kept map[renderingKey]judgement
	// made counts what was rendered.
	made int
}

type renderingKey struct{ portal, regime string }

// judgement is what a regime finds about what runs of a portal.
type judgement struct {
	blocking []v1alpha1.PolicyFinding
	// isolating are the policies that demand an isolation, and pod is where it
	// stands in what runs.
	isolating []v1alpha1.SecurityPolicy
	pod       corev1.PodTemplateSpec
}

func (r *renderings) of(s object.Scope, p portal.Input, w regime) judgement {
	key := renderingKey{portalKey(p.Portal), w.key}
	kept, ok := r.kept[key]
	if !ok {
		kept = judgementOf(portal.Render(s, p, object.RunningSpec(p.Portal), w.policies))
		r.kept[key] = kept
		r.made++
	}
	return kept
}

func judgementOf(r portal.Rendering) judgement {
	out := judgement{blocking: policy.Blocking(r.Findings)}
	for i := range r.Selected {
		if control.Places(&r.Selected[i].Spec) {
			out.isolating = append(out.isolating, r.Selected[i])
		}
	}
	policy.EffectiveFloor(out.isolating).Write(&out.pod)
	return out
}
