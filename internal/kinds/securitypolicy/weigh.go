package securitypolicy

import (
	"slices"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
)

// Weighed is what the newest spec of a policy would stop, and what it shares the
// bound with.
type Weighed struct {
	// Impact of the policy: by itself, or on top of what waits beside it if that
	// is more.
	Impact
	// Total is what counts against the bound: the impact of this policy and of all
	// that wait, taken together, and what took effect lately without confirmation.
	Total policy.Stopped
	// Pending are the other policies that wait, and Recent those that stopped
	// something lately, by name, sorted.
	Pending, Recent []string
	// Until is when the first of what took effect lately no longer counts.
	Until time.Time
}

// Exceeds reports whether somebody has to confirm the change. One that stops
// nothing always passes.
func (w Weighed) Exceeds(b policy.Bound) bool {
	return w.Portals+w.Links > 0 && b.Exceeds(w.Total)
}

// Weigh computes what counts against the bound. It rests on what the API server
// has and not on the order in which policies are looked at: a policy that another
// round has just put in force, and that is not seen as such yet, is among those
// that wait, and counts there.
func Weigh(in ImpactInput, b policy.Bound, now time.Time) Weighed {
	in.once()
	w := Weighed{Impact: impactOf(in)}
	others := policy.PendingBeside(in.Policies, in.Policy.Name)
	stops := w.Stops
	if len(others) > 0 {
		// Two permissions that are taken away stop only together what each permits.
		if on := impactOfChanges(in, others, []v1alpha1.SecurityPolicy{*in.Policy}); on.Portals+on.Links > w.Portals+w.Links {
			w.Impact = on
		}
		// Another one may permit what this one forbids, so its own stops count too.
		together := impactOfChanges(in, nil, append(slices.Clone(others), *in.Policy))
		stops = unite(stops, together.Stops)
		for i := range others {
			w.Pending = append(w.Pending, others[i].Name)
		}
		slices.Sort(w.Pending)
	}
	w.Total = countStops(in.Running, stops).Stopped
	recent, names, until := b.Recent(in.Policies, now)
	w.Total.Portals += recent.Portals
	w.Total.Links += recent.Links
	w.Total.Consequent += recent.Consequent
	w.Recent, w.Until = names, until
	return w
}

// unite returns what either list names, each once.
func unite(a, b []Stop) []Stop {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.ContainsFunc(a, func(o Stop) bool { return compareImpacted(o.Impacted, s.Impacted) == 0 }) {
			out = append(out, s)
		}
	}
	return out
}
