package status

import (
	"fmt"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
)

// Agency writes the status of an agency that is not being removed.
func Agency(in desired.AgencyInput, out desired.AgencyOutput, res apply.Result, err error) {
	a := in.Agency
	set := conditions.New(a.Status.Conditions, a.Generation)
	how := moving
	switch {
	case out.Parent != nil:
		setBlocker(set, v1alpha1.ConditionParentResolved, out.Parent)
		how = progressOf(out.Parent)
	case a.Spec.ParentRef == nil:
		set.True(v1alpha1.ConditionParentResolved, v1alpha1.ReasonTopLevel, "The agency has no parent.")
	default:
		set.True(v1alpha1.ConditionParentResolved, v1alpha1.ReasonParentResolved, fmt.Sprintf("Agency %q holds code %s.", in.Parent.Name, in.Parent.Spec.Code))
	}
	a.Status.Inventory = res.Inventory
	a.Status.Portals = int32(min(len(in.Portals), 1<<30))
	switch {
	case out.Code != nil:
		setBlocker(set, v1alpha1.ConditionNamespaceReady, out.Code)
		how = stalled
	case len(out.Objects) == 0:
		set.Unknown(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonPending, "The namespace is made when the parent is resolved.")
	case applied(set, v1alpha1.ConditionNamespaceReady, res, err):
		a.Status.Namespace = names.Namespace(a.Name)
		set.True(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonNamespaceReady, "Namespace "+a.Status.Namespace+" and its guards exist.")
	}
	isolatedNamespace(set, in)
	if a.Spec.Suspended && set.Get(v1alpha1.ConditionNamespaceReady).Reason == v1alpha1.ReasonNamespaceReady {
		set.False(v1alpha1.ConditionReady, v1alpha1.ReasonSuspended, "spec.suspended is true: workloads are stopped and the operator's policies closed; nothing is lost. Set it to false to resume.")
		how = resting
	} else {
		set.Summarise(v1alpha1.ConditionParentResolved, v1alpha1.ConditionNamespaceReady, v1alpha1.ConditionNetworkIsolated)
	}
	if err == nil && len(res.Conflicts) > 0 || set.Get(v1alpha1.ConditionReady).Reason == v1alpha1.ReasonForeignPolicies {
		how = stalled
	}
	finish(&a.Status.StatusBase, set, how)
}

// isolatedNamespace says whether only the operator's policies open the agency's
// namespace.
func isolatedNamespace(set *conditions.Set, in desired.AgencyInput) {
	const c = v1alpha1.ConditionNetworkIsolated
	namespace := in.Agency.Status.Namespace
	switch {
	case namespace == "":
		set.Unknown(c, v1alpha1.ReasonPending, "There is no namespace of the agency yet.")
	case len(in.ForeignPolicies) > 0:
		set.False(c, v1alpha1.ReasonForeignPolicies, fmt.Sprintf(
			"Network policies in namespace %s open what nobody approved, and the operator did not write them: %s. Whoever made them must remove them: kubectl -n %s delete networkpolicy %s.",
			namespace, strings.Join(clipList(in.ForeignPolicies, 10), ", "), namespace, in.ForeignPolicies[0]))
	default:
		set.True(c, v1alpha1.ReasonIsolated, "Nothing but the operator's network policies opens the namespace.")
	}
}

func progressOf(b *desired.Blocker) progress {
	if b.Class == desired.Terminal {
		return stalled
	}
	return moving
}

// AgencyDeletionRefused says that portals keep the agency from being removed.
func AgencyDeletionRefused(in desired.AgencyInput) {
	deleting(in, v1alpha1.ReasonPortalsExist, stalled,
		fmt.Sprintf("Deletion is refused while portals exist: %s. Delete them first, or set spec.deletionPolicy to DeletePortals.", strings.Join(clipList(in.Portals, 10), ", ")))
}

// AgencyOffboarding says which step of the removal is under way.
func AgencyOffboarding(in desired.AgencyInput, step string) {
	deleting(in, v1alpha1.ReasonOffboarding, moving, step)
}

// AgencyForeignWorkloads says that pods which are not ours keep the namespace.
func AgencyForeignWorkloads(in desired.AgencyInput, pods []string) {
	deleting(in, v1alpha1.ReasonForeignWorkloads, stalled,
		fmt.Sprintf("Removal waits for pods that the operator did not create: %s. Whoever created them must remove them.", strings.Join(clipList(pods, 10), ", ")))
}

func deleting(in desired.AgencyInput, reason string, how progress, message string) {
	a := in.Agency
	set := conditions.New(a.Status.Conditions, a.Generation)
	set.Keep()
	isolatedNamespace(set, in)
	set.False(v1alpha1.ConditionReady, reason, message)
	finish(&a.Status.StatusBase, set, how)
}

func clipList(items []string, n int) []string {
	if len(items) <= n {
		return items
	}
	return append(items[:n:n], fmt.Sprintf("and %d more", len(items)-n))
}
