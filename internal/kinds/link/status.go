package link

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/object"
)

// SetStatus writes the status of a link.
func SetStatus(in Input, out Output, res child.Result, err error) {
	l := in.Link
	set := conditions.New(l.Status.Conditions, l.Generation)
	l.Status.Inventory, l.Status.SpecHash, l.Status.Scope = res.Inventory, out.Hash, out.Scope
	l.Status.Decisions = recordDecisions(l.Status.Decisions, in, out)
	l.Status.Identifier = ""
	if in.Service != nil {
		l.Status.Identifier = in.Service.Status.Identifier
	}
	references(set, out)
	approval(set, v1alpha1.ConditionProviderApproved, decider{"provider", string(l.Spec.Provider.Agency)}, out.Provider, out.Hash)
	authority(set, in, out)
	if out.Validity != nil {
		conditions.SetBlocker(set, v1alpha1.ConditionWithinValidity, out.Validity)
	} else {
		set.True(v1alpha1.ConditionWithinValidity, v1alpha1.ReasonValid, "Valid until "+in.Settings.Show(l.Spec.ValidUntil.Time)+".")
	}
	written := conditions.NetworkApplied(set, v1alpha1.ConditionPolicyPaired, res, err)
	switch {
	case !written:
	case out.Open:
		set.True(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonPaired, "Both halves of every policy pair exist.")
	case out.Recording:
		set.False(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonRecording, "The link is approved; who approved is being recorded in its status, and it opens when that is stored.")
	default:
		set.False(v1alpha1.ConditionPolicyPaired, v1alpha1.ReasonWithdrawn, "No policy of the link exists. Connections that were open before may last until they are closed.")
	}
	set.Summarise(linkOrder(out)...)
	if written {
		// Who cannot read a link cannot decide about it, but what is open is open.
		conditions.RestApplied(set, v1alpha1.ConditionReady, res, err)
	}
	l.Status.Phase = phaseOf(out, set)
	how := linkProgress(out, res)
	if ready := set.Get(v1alpha1.ConditionReady); in.Unread != nil {
		how = conditions.Moving
		set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, conditions.LookupFailedMessage+" By what could be read the link is closed: "+ready.Message)
	}
	conditions.Finish(&l.Status.StatusBase, set, how)
}

// linkOrder is the order in which a link's conditions explain its phase: who
// stopped it for good or for now is told before what it lacks besides.
func linkOrder(out Output) []string {
	said := func(reason string) []string {
		var order []string
		if out.Provider.Reason == reason {
			order = append(order, v1alpha1.ConditionProviderApproved)
		}
		if out.Authority.Reason == reason {
			order = append(order, v1alpha1.ConditionAuthorityApproved)
		}
		return order
	}
	order := said(v1alpha1.ReasonLinkSuspended)
	if out.Validity != nil && out.Validity.Reason == v1alpha1.ReasonExpired {
		order = append(order, v1alpha1.ConditionWithinValidity)
	}
	order = append(order, said(v1alpha1.ReasonRejected)...)
	return append(order, kinds.DataSharingLink.Ready...)
}

// Unresolved returns for how long the ends of a link have not been such that it may
// be open; 0 when they are.
func Unresolved(l *v1alpha1.DataSharingLink, now time.Time) time.Duration {
	c := meta.FindStatusCondition(l.Status.Conditions, v1alpha1.ConditionReferencesResolved)
	if c == nil || c.Status != metav1.ConditionFalse {
		return 0
	}
	return now.Sub(c.LastTransitionTime.Time)
}

func references(set *conditions.Set, out Output) {
	if len(out.References) > 0 {
		conditions.SetBlocker(set, v1alpha1.ConditionReferencesResolved, &out.References[0])
		return
	}
	scope := "the scope is " + out.Hash
	if out.Hash == "" {
		scope = "there is no scope that could be recorded"
	}
	set.True(v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonResolved, "Both ends exist and may share; "+scope+".")
}

func phaseOf(out Output, set *conditions.Set) string {
	is := func(reason string) bool { return out.Provider.Reason == reason || out.Authority.Reason == reason }
	paired := set.Get(v1alpha1.ConditionPolicyPaired)
	switch {
	case is(v1alpha1.ReasonLinkSuspended):
		return v1alpha1.PhaseSuspended
	case out.Validity != nil && out.Validity.Reason == v1alpha1.ReasonExpired:
		return v1alpha1.PhaseExpired
	case is(v1alpha1.ReasonRejected):
		return v1alpha1.PhaseRejected
	case out.Validity != nil, len(out.References) > 0 && out.References[0].Class == object.Terminal:
		return v1alpha1.PhaseRefused
	case len(out.References) > 0:
		return v1alpha1.PhaseWaiting
	case out.Recording:
		return v1alpha1.PhaseOpening
	case !out.Open:
		return v1alpha1.PhaseRequested
	case paired != nil && paired.Status == "True":
		return v1alpha1.PhaseOpen
	default:
		return v1alpha1.PhaseOpening
	}
}

func linkProgress(out Output, res child.Result) conditions.Progress {
	terminal := out.Validity != nil || len(res.Conflicts) > 0 || out.Provider.Reason == v1alpha1.ReasonRejected || out.Authority.Reason == v1alpha1.ReasonRejected
	for _, b := range out.References {
		terminal = terminal || b.Class == object.Terminal
	}
	switch {
	case terminal:
		return conditions.Stalled
	case out.Provider.Reason == v1alpha1.ReasonLinkSuspended || out.Authority.Reason == v1alpha1.ReasonLinkSuspended:
		return conditions.Resting
	default:
		return conditions.Moving
	}
}

// SetDeleting says that the link is being deleted.
func SetDeleting(l *v1alpha1.DataSharingLink, inventory []v1alpha1.InventoryEntry) {
	set := conditions.New(l.Status.Conditions, l.Generation)
	l.Status.Inventory = inventory
	set.False(v1alpha1.ConditionReady, v1alpha1.ReasonDeleting, "The link is being deleted; its policies are withdrawn first.")
	conditions.Finish(&l.Status.StatusBase, set, conditions.Moving)
}
