package reconcile

import (
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// shortMessage is how much of a condition's message is kept when the status has to
// be small.
const shortMessage = 256

// shrink returns what makes the status of an object smaller that can't be stored:
// one step after the other until it can. What closing needs is in none of them:
// who has rights and which wait, who decided, what is in force, what is consented
// to, claimed and replaced.
func shrink(obj Object) []func() {
	base := obj.GetStatusBase()
	messages := func() { shortenMessages(base) }
	// The owner's children are found by their marks too.
	inventory := func() { base.Inventory = nil }
	switch o := obj.(type) {
	case *v1alpha1.Agency:
		// For others to read, and made anew in every round.
		catalogue := func() { o.Status.Catalogue = nil }
		return []func(){catalogue, messages, inventory}
	case *v1alpha1.AgencyPortal:
		findings := func() { o.Status.Findings = nil }
		// It may have to run, so it goes last.
		lastCompliant := func() { o.Status.LastCompliant = nil }
		return []func(){messages, findings, inventory, lastCompliant}
	case *v1alpha1.DataSharingLink:
		// Nobody decides about a scope that is not stored. The inventory stays: it
		// says whether the link is open.
		scope := func() { o.Status.Scope, o.Status.SpecHash = nil, "" }
		return []func(){scope, messages}
	default:
		return []func(){messages, inventory}
	}
}

func shortenMessages(base *v1alpha1.StatusBase) {
	for i := range base.Conditions {
		if m := base.Conditions[i].Message; len(m) > shortMessage {
			base.Conditions[i].Message = strings.ToValidUTF8(m[:shortMessage-3], "") + "..."
		}
	}
}
