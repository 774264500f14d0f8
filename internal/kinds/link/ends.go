package link

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
)

// Decide builds the policy pair of a link, if and only if both ends
// resolve, the term holds and every required side approves exactly this scope. It
// is about what runs of the ends: an edit that standards keep from running closes
// nothing. While an edit is about to run, both must be approved.
func Decide(in Input) Output {
	comes, changes := onWhatComes(in)
	out := decideLink(comes)
	if !out.Open || !changes {
		return out
	}
	runs := in
	runs.Consumer, runs.Provider, runs.Via = portal.Running(in.Consumer), portal.Running(in.Provider), portal.Running(in.Via)
	if !decideLink(runs).Open {
		out.Open, out.Objects = false, nil
		out.References = []object.Blocker{{Class: object.Waiting, Reason: v1alpha1.ReasonEndNotCompliant,
			Message: "spec: what is approved is the newest spec of an end, and something else runs there still; the link opens when the newest spec runs."}}
	}
	return out
}

// onWhatComes has the ends of a link as they run, or as they are about to.
func onWhatComes(in Input) (_ Input, changes bool) {
	std := portal.Standards{Settings: in.Settings, Policies: in.Policies}
	for _, end := range []*portal.End{&in.Consumer, &in.Provider, &in.Via} {
		var c bool
		*end, c = std.Coming(*end)
		changes = changes || c
	}
	return in, changes
}
