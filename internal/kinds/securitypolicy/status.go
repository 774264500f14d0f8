package securitypolicy

import (
	"fmt"
	"strings"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/text"
)

const (
	// maxViolators and maxImpacted are how many names the schema lets a status list.
	maxViolators = 100
	maxImpacted  = 20
	// maxHeldNamed is how many names the message of a held policy has.
	maxHeldNamed = 3
)

// SetStatus writes the status of a policy.
func SetStatus(in Input, out Output, res child.Result, err error) {
	p := in.Policy
	set := conditions.New(p.Status.Conditions, p.Generation)
	p.Status.Inventory = res.Inventory
	p.Status.Matched, p.Status.Compliant, p.Status.Violating = out.Matched, out.Compliant, out.Violating
	p.Status.Violators = out.Violators[:min(len(out.Violators), maxViolators)]
	p.Status.InForce, p.Status.UsedAcceptance = out.InForce, out.Used
	p.Status.Impact, p.Status.RecentStops = recordedImpact(out.Held), out.Recent
	conditions.AgenciesResolved(set, in.AbsentAgencies)
	effect := control.EffectOf(&p.Spec)
	idle := controlsEffective(set, effect)
	remarks := nobody(out)
	if absent := policy.AbsentMessage(in.AbsentAgencies); absent != "" {
		remarks = " " + absent
	}
	how := conditions.Moving
	switch {
	case !conditions.Applied(set, v1alpha1.ConditionEnforced, res, err):
		set.Summarise(kinds.SecurityPolicy.Ready...)
	case out.Held != nil:
		how = conditions.Stalled
		set.False(v1alpha1.ConditionEnforced, v1alpha1.ReasonImpactHeld, standing(out))
		set.False(v1alpha1.ConditionReady, v1alpha1.ReasonImpactHeld, heldMessage(p, out, in.Bound))
	case p.Spec.Mode == v1alpha1.ModeAudit:
		reason, what := v1alpha1.ReasonAuditing, "Violations are reported."
		if !effect.Effective {
			reason, what = v1alpha1.ReasonNoEffect, "Nothing is reported."
		}
		set.False(v1alpha1.ConditionEnforced, v1alpha1.ReasonAuditing, "spec.mode is Audit, so nothing blocks. "+what+idle)
		set.True(v1alpha1.ConditionReady, reason, what+idle+remarks)
	case !effect.Effective:
		set.False(v1alpha1.ConditionEnforced, v1alpha1.ReasonNoEffect, "Nothing is enforced."+idle)
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonNoEffect, "Nothing is enforced."+idle+remarks)
	default:
		set.True(v1alpha1.ConditionEnforced, v1alpha1.ReasonEnforcing, "Violations block."+idle)
		set.True(v1alpha1.ConditionReady, v1alpha1.ReasonEnforcing, "Violations block."+idle+remarks)
	}
	if err == nil && len(res.Conflicts) > 0 {
		how = conditions.Stalled
	}
	conditions.Finish(&p.Status.StatusBase, set, how)
}

// controlsEffective says which controls of a policy have no effect, in a condition
// and in what it returns for the others, which begins with a space unless it is empty.
func controlsEffective(set *conditions.Set, e control.Effect) string {
	var idle []string
	if len(e.Stored) > 0 {
		idle = append(idle, "Stored, and without effect in this version: "+strings.Join(e.Stored, ", ")+".")
	}
	if len(e.Unreported) > 0 {
		idle = append(idle, "Not reported, and without effect while spec.mode is Audit: "+strings.Join(e.Unreported, ", ")+".")
	}
	if !e.Effective && len(idle) == 0 {
		idle = append(idle, "The spec has no control.")
	}
	if len(idle) == 0 {
		set.True(v1alpha1.ConditionControlsEffective, v1alpha1.ReasonControlsEffective, "Every control of the spec has an effect.")
		return ""
	}
	message := strings.Join(idle, " ")
	set.False(v1alpha1.ConditionControlsEffective, v1alpha1.ReasonNoEffect, message)
	return " " + message
}

// nobody says that a policy holds no portal, since a mistyped agency looks like
// one without portals. It begins with a space unless it is empty.
func nobody(out Output) string {
	if out.Matched > 0 {
		return ""
	}
	return " It selects no portal at the moment; if it should, look for a typo in spec.selector."
}

// shares names the policies that a held one shares the bound with. It ends with a
// space unless it is empty.
func shares(h *Weighed, bound policy.Bound) string {
	var with []string
	if len(h.Pending) > 0 {
		with = append(with, "what also waits ("+text.Few(h.Pending, maxHeldNamed)+")")
	}
	if len(h.Recent) > 0 {
		with = append(with, fmt.Sprintf("what took effect within %s without acceptedImpact (%s; until %s)", bound.Window, text.Few(h.Recent, maxHeldNamed), h.Until.UTC().Format(time.RFC3339)))
	}
	if len(with) == 0 {
		return ""
	}
	return fmt.Sprintf("All policies share one bound (impactBound: %d): with %s it is %d portals and %d links. ", bound.Count, strings.Join(with, " and "), h.Total.Portals, h.Total.Links)
}

func recordedImpact(held *Weighed) *v1alpha1.PolicyImpact {
	if held == nil {
		return nil
	}
	out := &v1alpha1.PolicyImpact{Portals: int32(held.Portals), Links: int32(held.Links)} //nolint:gosec // far below the bound
	for _, s := range held.Stops[:min(len(held.Stops), maxImpacted)] {
		out.First = append(out.First, s.Impacted)
	}
	return out
}

func standing(out Output) string {
	if out.InForce == nil {
		return "What runs goes on as it is; what is new is held to the spec already."
	}
	return "What runs goes on under the former spec (status.inForce); what is new is held to both."
}

// heldMessage says what would stop and what lets the spec take effect.
func heldMessage(p *v1alpha1.SecurityPolicy, out Output, bound policy.Bound) string {
	h := out.Held
	var names []string
	for _, s := range h.Stops {
		names = append(names, s.Named())
	}
	why := ""
	if stated := p.Spec.AcceptedImpact; stated != nil {
		why = fmt.Sprintf(" The present spec.acceptedImpact {portals: %d, links: %d} does not count: it covers less, or was there before this change. To state the same figures anew, take it out, wait until status.observedGeneration is metadata.generation, and set it again.", stated.Portals, stated.Links)
	}
	return fmt.Sprintf("The spec is held, because it would stop or replace %d running portals and close %d open links (%s). %s%s Correct the spec, or set spec.acceptedImpact to {portals: %d, links: %d} if that is meant; kubectl gov impact lists all.%s",
		h.Portals, h.Links, strings.Join(text.ClipList(names, maxHeldNamed), ", "), shares(h, bound), standing(out), h.Portals, h.Links, why)
}
