package object

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// IsLastCompliant reports whether the portal's spec is the one that runs.
func IsLastCompliant(p *v1alpha1.AgencyPortal) bool {
	return p.Status.LastCompliant != nil && equality.Semantic.DeepEqual(&p.Spec, p.Status.LastCompliant)
}

// Wrote reports whether an inventory has an object of a kind.
func Wrote(inventory []v1alpha1.InventoryEntry, kind string) bool {
	return slices.ContainsFunc(inventory, func(e v1alpha1.InventoryEntry) bool { return e.Kind == kind })
}

// A last compliant spec that is too large for the store is not recorded. What runs of
// such a portal is known by its Deployment alone. For want of a record alone it never
// stops: it is judged as it is observed.

// RunningSpec returns the spec that a portal's status knows to run: the last compliant
// one, or the newest one of a portal that runs without a record; nil for none.
func RunningSpec(p *v1alpha1.AgencyPortal) *v1alpha1.AgencyPortalSpec {
	switch {
	case p.Status.LastCompliant != nil:
		return p.Status.LastCompliant
	case p.Status.URL != "":
		// It has one while something runs.
		return &p.Spec
	default:
		return nil
	}
}

// RunsUnrecorded reports whether something else than a portal's newest spec runs, and
// no record says what.
func RunsUnrecorded(p *v1alpha1.AgencyPortal) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPolicyCompliant)
	return p.Status.LastCompliant == nil && c != nil && c.Reason == v1alpha1.ReasonKeptLastCompliant
}
