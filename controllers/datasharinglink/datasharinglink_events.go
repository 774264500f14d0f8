package datasharinglink

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/metrics"
	"github.com/govplatform/govplatform/internal/text"
)

// announce says what a round changed about a link: asked for, decided by whom,
// opened, closed and why.
func announce(before, after *v1alpha1.DataSharingLink) []events.Event {
	var out []events.Event
	if hash := after.Status.SpecHash; hash != "" && hash != before.Status.SpecHash {
		by := ""
		if user := after.Spec.RequestedBy; user != "" {
			by = " by " + text.Quote(user)
		}
		out = append(out, events.Event{Reason: "Requested", Action: "Request", Note: "Approval is asked for" + by + ", for scope " + hash + "."})
	}
	for i := range after.Status.Decisions {
		if d := after.Status.Decisions[i]; !slices.ContainsFunc(before.Status.Decisions, func(o v1alpha1.LinkDecision) bool { return sameEntry(o, d) }) {
			out = append(out, decided(after, d)...)
			measure(before, d)
		}
	}
	for _, side := range []string{v1alpha1.ConditionProviderApproved, v1alpha1.ConditionAuthorityApproved} {
		if is(after, side, v1alpha1.ReasonSameApprover) && !is(before, side, v1alpha1.ReasonSameApprover) {
			out = append(out, events.Event{Warning: true, Reason: v1alpha1.ReasonSameApprover, Action: "Decide", Note: message(after, side)})
		}
	}
	if is(after, v1alpha1.ConditionWithinValidity, v1alpha1.ReasonExpired) && !is(before, v1alpha1.ConditionWithinValidity, v1alpha1.ReasonExpired) {
		out = append(out, events.Event{Reason: v1alpha1.ReasonExpired, Action: "Expire", Note: message(after, v1alpha1.ConditionWithinValidity)})
	}
	was, now := open(before), open(after)
	switch {
	case now && !was:
		out = append(out, events.Event{Reason: "Opened", Action: "Open", Note: "Traffic may pass: scope " + after.Status.SpecHash + " is approved."})
	case was && !now:
		out = append(out, events.Event{Warning: true, Reason: "Closed", Action: "Close", Note: "Traffic is closed. " + message(after, v1alpha1.ConditionReady)})
	}
	return out
}

// measure counts how long a side took that had been asked about the scope.
func measure(before *v1alpha1.DataSharingLink, d v1alpha1.LinkDecision) {
	asked := meta.FindStatusCondition(before.Status.Conditions, map[v1alpha1.LinkSide]string{
		v1alpha1.SideProvider: v1alpha1.ConditionProviderApproved, v1alpha1.SideAuthority: v1alpha1.ConditionAuthorityApproved,
	}[d.Side])
	if asked != nil && asked.Status == metav1.ConditionFalse && d.SpecHash != "" && d.SpecHash == before.Status.SpecHash {
		metrics.LinkDecided(string(d.Side), d.Time.Sub(asked.LastTransitionTime.Time))
	}
}

// decided tells of a decision on the link and, in the namespace of the side that
// took it, on the approval.
func decided(l *v1alpha1.DataSharingLink, d v1alpha1.LinkDecision) []events.Event {
	word := map[string]string{
		string(v1alpha1.DecisionApprove): "Approved", string(v1alpha1.DecisionReject): "Rejected",
		string(v1alpha1.DecisionSuspend): "Suspended", string(v1alpha1.DecisionRevoked): "Revoked",
	}[d.Decision]
	if word == "" {
		word = "Decided"
	}
	note := fmt.Sprintf("%s for the %s by %s (%s/%s) about DataSharingLink %s/%s", word, d.Side, text.Quote(d.Approver), d.Namespace, d.Name, l.Namespace, l.Name)
	if d.Decision == string(v1alpha1.DecisionRevoked) {
		note = fmt.Sprintf("The decision of %s for the %s (%s/%s) about DataSharingLink %s/%s was deleted", text.Quote(d.Approver), d.Side, d.Namespace, d.Name, l.Namespace, l.Name)
	}
	if d.SpecHash != "" {
		note += ", scope " + d.SpecHash
	}
	if d.Reason != "" {
		note += ": " + text.Quote(d.Reason)
	}
	e := events.Event{Warning: d.Decision != string(v1alpha1.DecisionApprove), Reason: word, Action: "Decide", Note: note}
	onApproval := e
	onApproval.About = &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name, UID: d.UID}}
	return []events.Event{e, onApproval}
}

func sameEntry(a, b v1alpha1.LinkDecision) bool {
	same := a.Time.Equal(&b.Time)
	a.Time, b.Time = metav1.Time{}, metav1.Time{}
	a.OtherScope, b.OtherScope = false, false
	return same && a == b
}

func open(l *v1alpha1.DataSharingLink) bool {
	return meta.IsStatusConditionTrue(l.Status.Conditions, v1alpha1.ConditionPolicyPaired)
}

func is(l *v1alpha1.DataSharingLink, condition, reason string) bool {
	c := meta.FindStatusCondition(l.Status.Conditions, condition)
	return c != nil && c.Reason == reason
}

func message(l *v1alpha1.DataSharingLink, condition string) string {
	c := meta.FindStatusCondition(l.Status.Conditions, condition)
	if c == nil {
		return ""
	}
	return c.Reason + ": " + c.Message
}
