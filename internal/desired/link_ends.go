package desired

import "github.com/govplatform/govplatform/api/v1alpha1"

// DataSharingLink builds the policy pair of a link, if and only if both ends
// resolve, the term holds and every required side approves exactly this scope. It
// is about what runs of the ends: an edit that standards keep from running closes
// nothing. While an edit is about to run, both must be approved.
func DataSharingLink(in LinkInput) LinkOutput {
	comes, changes := onWhatComes(in)
	out := decideLink(comes)
	if !out.Open || !changes {
		return out
	}
	runs := in
	runs.Consumer, runs.Provider, runs.Via = running(in.Consumer), running(in.Provider), running(in.Via)
	if !decideLink(runs).Open {
		out.Open, out.Objects = false, nil
		out.References = []Blocker{{Class: Waiting, Reason: v1alpha1.ReasonEndNotCompliant,
			Message: "spec: what is approved is the newest spec of an end, and something else runs there still; the link opens when the newest spec runs."}}
	}
	return out
}

// onWhatComes has the ends of a link as they run, or as they are about to.
func onWhatComes(in LinkInput) (_ LinkInput, changes bool) {
	std := standards{in.Settings, in.Policies}
	for _, end := range []*PortalWithAgency{&in.Consumer, &in.Provider, &in.Via} {
		var c bool
		*end, c = std.coming(*end)
		changes = changes || c
	}
	return in, changes
}
