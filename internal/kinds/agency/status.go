package agency

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// SetStatus writes the status of an agency that is not being removed.
func SetStatus(in Input, out Output, res child.Result, err error) {
	a := in.Agency
	set := conditions.New(a.Status.Conditions, a.Generation)
	how := conditions.Moving
	switch {
	case out.Parent != nil:
		conditions.SetBlocker(set, v1alpha1.ConditionParentResolved, out.Parent)
		how = progressOf(out.Parent)
	case a.Spec.ParentRef == nil:
		set.True(v1alpha1.ConditionParentResolved, v1alpha1.ReasonTopLevel, "The agency has no parent.")
	default:
		set.True(v1alpha1.ConditionParentResolved, v1alpha1.ReasonParentResolved, fmt.Sprintf("Agency %q holds code %s.", in.Parent.Name, in.Parent.Spec.Code))
	}
	a.Status.Inventory = res.Inventory
	a.Status.AgencyContents, a.Status.Catalogue = in.Contents, in.Catalogue
	switch {
	case out.Code != nil:
		conditions.SetBlocker(set, v1alpha1.ConditionNamespaceReady, out.Code)
		how = conditions.Stalled
	case out.Recording:
		set.Unknown(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonRecording, "Who has rights in the agency is being recorded in its status (status.rights); the namespace is made when that is stored.")
	case len(out.Objects) == 0:
		set.Unknown(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonPending, "The namespace is made when the parent is resolved.")
	case err == nil && len(res.Conflicts) > 0 && Orphaned(a, in.Namespace):
		set.False(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonNamespaceOrphaned, Adoptable(a, in.Namespace))
	case conditions.Applied(set, v1alpha1.ConditionNamespaceReady, res, err):
		a.Status.Namespace = names.Namespace(a.Name)
		if in.uncounted() {
			set.False(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonProgressing,
				"Kubernetes has not counted what is in namespace "+a.Status.Namespace+" yet; until then its quota bounds no numbers of objects"+
					waitingAdmins(in)+". If this stays, look whether kube-controller-manager runs.")
			break
		}
		set.True(v1alpha1.ConditionNamespaceReady, v1alpha1.ReasonNamespaceReady, "Namespace "+a.Status.Namespace+" and its guards exist."+unbounded(in)+raised(a)+exceededMessage(in))
	}
	switch {
	case a.Name == in.Settings.AuthorityAgency:
		set.True(v1alpha1.ConditionAuthority, v1alpha1.ReasonCoordinatingAuthority, "The agency is the coordinating authority (authorityAgency of the operator's settings), so it is not deleted while decisions about links stand in its namespace.")
	case in.EarlierVetoes > 0:
		set.True(v1alpha1.ConditionAuthority, v1alpha1.ReasonEarlierAuthority, fmt.Sprintf("The agency was the coordinating authority, and what it suspended or rejected as that stands (%d), so it is not deleted before who decided has deleted that.", in.EarlierVetoes))
	}
	recordRights(set, in, out)
	isolatedNamespace(set, in)
	if out.Zones != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionZonesDelegated, out.Zones)
	} else {
		set.True(v1alpha1.ConditionZonesDelegated, v1alpha1.ReasonZonesDelegated, zonesMessage(in))
	}
	if a.Spec.Suspended && set.Get(v1alpha1.ConditionNamespaceReady).Reason == v1alpha1.ReasonNamespaceReady {
		set.False(v1alpha1.ConditionReady, v1alpha1.ReasonSuspended, "spec.suspended is true: workloads are stopped and the operator's policies closed; nothing is lost. Set it to false to resume.")
		how = conditions.Resting
	} else {
		set.Summarise(kinds.Agency.Ready...)
	}
	if err == nil && len(res.Conflicts) > 0 || set.Get(v1alpha1.ConditionReady).Reason == v1alpha1.ReasonForeignPolicies {
		how = conditions.Stalled
	}
	conditions.Finish(&a.Status.StatusBase, set, how)
}

// waitingAdmins says that administrators wait for the counts.
func waitingAdmins(in Input) string {
	if !in.adminsWait() {
		return ""
	}
	return ", and who administers the agency gets no rights in it"
}

// unbounded says that an agency may make any number of objects, which is so
// before Kubernetes counts them and must not stay so unseen.
func unbounded(in Input) string {
	if in.Counts {
		return ""
	}
	return " Numbers of objects are not bounded yet: no ResourceQuota with label " + names.LabelQuotaCanary + " in the operator's namespace shows that Kubernetes counts them. If this stays, apply the installation again and look whether kube-controller-manager runs."
}

// raised says that a figure which an earlier version stored counts as more.
func raised(a *v1alpha1.Agency) string {
	n := a.Spec.Quota.Approvals
	if n == nil || *n >= LeastApprovals {
		return ""
	}
	return fmt.Sprintf(" spec.quota.approvals is %d and counts as %d: no figure keeps a side from suspending a link.", *n, LeastApprovals)
}

// isolatedNamespace says whether only the operator's policies open the agency's
// namespace.
func isolatedNamespace(set *conditions.Set, in Input) {
	const c = v1alpha1.ConditionNetworkIsolated
	namespace := in.Agency.Status.Namespace
	switch {
	case namespace == "":
		set.Unknown(c, v1alpha1.ReasonPending, "There is no namespace of the agency yet.")
	case len(in.ForeignPolicies) > 0:
		set.False(c, v1alpha1.ReasonForeignPolicies, fmt.Sprintf(
			"Network policies in namespace %s open what nobody approved, and the operator did not write them: %s. Whoever made them must remove them: kubectl -n %s delete networkpolicy %s.",
			namespace, strings.Join(text.ClipList(in.ForeignPolicies, 10), ", "), namespace, in.ForeignPolicies[0]))
	default:
		set.True(c, v1alpha1.ReasonIsolated, "Nothing but the operator's network policies opens the namespace.")
	}
}

func progressOf(b *object.Blocker) conditions.Progress {
	if b.Class == object.Terminal {
		return conditions.Stalled
	}
	return conditions.Moving
}

// SetDeletionRefused says why an agency that is being deleted is kept.
func SetDeletionRefused(in Input, b *object.Blocker) {
	a := in.Agency
	set := conditions.New(a.Status.Conditions, a.Generation)
	set.Keep()
	isolatedNamespace(set, in)
	set.False(v1alpha1.ConditionReady, b.Reason, b.Message)
	conditions.Finish(&a.Status.StatusBase, set, progressOf(b))
}

// SetOffboarding says which step of the removal is under way, and what it waits
// for that only other people can end.
func SetOffboarding(in Input, step string, held []Held) {
	how := conditions.Moving
	if len(held) > 0 {
		how = conditions.Stalled
	}
	deleting(in, v1alpha1.ReasonOffboarding, how, step+waitsForFinalizers(names.Namespace(in.Agency.Name), held))
}

// SetWaitsForPods says which pods keep an agency's namespace.
func SetWaitsForPods(in Input, pods []Pod) {
	reason, how, message := waitsForPods(names.Namespace(in.Agency.Name), pods)
	deleting(in, reason, how, message)
}

func deleting(in Input, reason string, how conditions.Progress, message string) {
	a := in.Agency
	set := conditions.New(a.Status.Conditions, a.Generation)
	set.Keep()
	isolatedNamespace(set, in)
	set.True(v1alpha1.ConditionOffboarding, v1alpha1.ReasonOffboarding, "The agency is being removed: its portals and links are closed and nothing is started.")
	set.False(v1alpha1.ConditionReady, reason, message)
	conditions.Finish(&a.Status.StatusBase, set, how)
}

// SetNamespaceEnds says that the namespace is being deleted, and what it
// waits for.
func SetNamespaceEnds(in Input, ns *corev1.Namespace, pods []Pod, held []Held) {
	a := in.Agency
	reason, how, message := v1alpha1.ReasonNamespaceTerminating, conditions.Moving, namespaceRest(ns)
	if len(pods) > 0 {
		_, how, message = waitsForPods(ns.Name, pods)
	}
	if len(held) > 0 {
		how, message = conditions.Stalled, message+waitsForFinalizers(ns.Name, held)
	}
	if a.DeletionTimestamp != nil && Offboards(a) {
		deleting(in, v1alpha1.ReasonOffboarding, how, message)
		return
	}
	set := conditions.New(a.Status.Conditions, a.Generation)
	set.Keep()
	set.False(v1alpha1.ConditionNamespaceReady, reason, "Somebody deleted namespace "+ns.Name+"; it is made anew, empty, when it is gone. "+message)
	set.False(v1alpha1.ConditionReady, reason, set.Get(v1alpha1.ConditionNamespaceReady).Message)
	conditions.Finish(&a.Status.StatusBase, set, how)
}

// exceededMessage says that an agency uses more than a lowered figure lets it, and
// what that means; empty while it does not. It begins with a space.
func exceededMessage(in Input) string {
	if in.Quota == nil || in.Agency.Spec.Suspended {
		return ""
	}
	over := Exceeded(in.Quota)
	if over == "" {
		return ""
	}
	return " More is used than the quota allows: " + over + ". What runs goes on. Nothing new of it is made until there is room: no portal starts, a rollout does not replace the running pods, and a pod that ends is not made again. Raise the figure, or remove what is not needed."
}
