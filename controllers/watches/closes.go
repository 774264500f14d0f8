package watches

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Closes reports whether a change takes something away that was allowed: such
// changes go before all others. Before is nil for a new object, after for one
// that is gone. When in doubt a change of a decision or a standard closes.
func Closes(before, after client.Object) bool {
	o := after
	if o == nil {
		o = before
	}
	if p, network := o.(*networkingv1.NetworkPolicy); network {
		// A guard that is gone, and what opens and is another one than was written.
		return before != nil && (after == nil && !child.Opens(p) || after != nil && before.GetGeneration() != after.GetGeneration())
	}
	if _, ours := o.(statused); !ours {
		return false
	}
	if after == nil {
		return true
	}
	created := before == nil
	if !created && before.GetDeletionTimestamp() == nil && after.GetDeletionTimestamp() != nil {
		return true
	}
	changed := created || before.GetGeneration() != after.GetGeneration() || before.GetUID() != after.GetUID()
	return takesAway(before, after, created, changed)
}

// takesAway reports whether a change of one of the platform's objects, or that it is
// created, takes something away.
func takesAway(before, after client.Object, created, changed bool) bool {
	switch a := after.(type) {
	case *v1alpha1.Agency:
		b, ok := before.(*v1alpha1.Agency)
		return a.Spec.Suspended && (!ok || !b.Spec.Suspended) || ok && loses(&b.Spec, &a.Spec)
	case *v1alpha1.SecurityPolicy:
		b, ok := before.(*v1alpha1.SecurityPolicy)
		return demandsMore(b, a, ok, changed)
	case *v1alpha1.DataSharingApproval:
		// A changed approval no longer says what it said.
		b, ok := before.(*v1alpha1.DataSharingApproval)
		becameVeto := ok && !object.RecordedVeto(b) && object.RecordedVeto(a)
		return becameVeto || changed && (!created || object.Closing(a))
	case *v1alpha1.DataService:
		// A new one may have a stricter label for the same data.
		return changed || becameFalse(before, after, v1alpha1.ConditionDatasetOwned)
	case *v1alpha1.DataSharingLink, *v1alpha1.SharedPlatform:
		return changed && !created
	case *v1alpha1.AgencyPortal:
		b, ok := before.(*v1alpha1.AgencyPortal)
		return ok && (b.Status.Replacing == nil && a.Status.Replacing != nil || stricter(b, a)) || becameFalse(before, after, v1alpha1.ConditionPolicyCompliant)
	}
	return false
}

// demandsMore reports whether a policy that is enforced may demand what it did not
// before; known is false for one that was not there.
func demandsMore(before, after *v1alpha1.SecurityPolicy, known, changed bool) bool {
	inForce := !known || !sameInForce(policy.SpecInForce(before), policy.SpecInForce(after))
	return (changed || inForce) && after.Spec.Mode == v1alpha1.ModeEnforce && (!known || !onlyLogging(before, after))
}

// onlyLogging reports whether two versions of a policy demand the same but for how long
// logs are kept: by that no portal ever violates a standard, so it closes nothing.
func onlyLogging(before, after *v1alpha1.SecurityPolicy) bool {
	without := func(spec *v1alpha1.SecurityPolicySpec) *v1alpha1.SecurityPolicySpec {
		if spec == nil {
			return nil
		}
		bare := *spec
		bare.Logging = nil
		return &bare
	}
	return before.UID == after.UID && equality.Semantic.DeepEqual(without(&before.Spec), without(&after.Spec)) &&
		sameInForce(without(policy.SpecInForce(before)), without(policy.SpecInForce(after)))
}

// loses reports whether an agency has fewer rights or zones than before, or became
// another one.
func loses(before, after *v1alpha1.AgencySpec) bool {
	return before.Code != after.Code || !equality.Semantic.DeepEqual(before.ParentRef, after.ParentRef) ||
		fewer(before.AdminGroups, after.AdminGroups) || fewer(before.ViewerGroups, after.ViewerGroups) ||
		fewer(before.AdminServiceAccounts, after.AdminServiceAccounts) || fewer(before.Domains, after.Domains)
}

// stricter reports whether a portal agrees to fewer platforms than before, or its data
// is of a stricter class.
func stricter(before, after *v1alpha1.AgencyPortal) bool {
	b, a := before.Spec.DataClassification, after.Spec.DataClassification
	return a != b && policy.Strictest(a, b) == a || fewer(before.Spec.ProvidesPlatforms, after.Spec.ProvidesPlatforms) ||
		fewer(before.Status.PlatformConsents, after.Status.PlatformConsents)
}

func fewer[T comparable](before, after []T) bool {
	return slices.ContainsFunc(before, func(x T) bool { return !slices.Contains(after, x) })
}

// becameFalse reports whether a condition was true before and is not now.
func becameFalse(before, after client.Object, condition string) bool {
	b, ok1 := before.(statused)
	a, ok2 := after.(statused)
	return ok1 && ok2 && meta.IsStatusConditionTrue(b.GetStatusBase().Conditions, condition) &&
		!meta.IsStatusConditionTrue(a.GetStatusBase().Conditions, condition)
}
