package policy

import (
	"slices"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Bound is how much changes of standards, all together, may stop within the
// window without somebody's confirmation.
type Bound struct {
	// Count is the most running portals and open links.
	Count int
	// Percent is the largest share of what runs, for two or more of them.
	Percent int
	// Window is how long counts what a change stopped.
	Window time.Duration
}

// Recent counts what changes of policies stopped within the window without
// confirmation, names the policies, and says when the first of it no longer
// counts. A time in the future counts: the clock was set back.
func (b Bound) Recent(all []v1alpha1.SecurityPolicy, now time.Time) (sum Stopped, policies []string, until time.Time) {
	for i := range all {
		r := all[i].Status.RecentStops
		if !b.Counts(r, now) {
			continue
		}
		sum.Portals += int(r.Portals)
		sum.Links += int(r.Links)
		sum.Consequent += int(r.Following)
		policies = append(policies, all[i].Name)
		if end := r.At.Add(b.Window); until.IsZero() || end.Before(until) {
			until = end
		}
	}
	slices.Sort(policies)
	return sum, policies, until
}

// Counts reports whether what a policy stopped counts still.
func (b Bound) Counts(r *v1alpha1.RecentStops, now time.Time) bool {
	return r != nil && now.Before(r.At.Add(b.Window))
}

// Stopped counts what a change of a standard would stop.
type Stopped struct {
	// Portals that run and comply, and would not any more.
	Portals int
	// Links that are open and would close.
	Links int
	// Consequent are those of the links that close because one of their ends
	// stops.
	Consequent int
	// Running are the portals that run and the links that are open, in all.
	Running int
}

// Exceeds reports whether so much stops that somebody has to confirm it. One
// portal, or one link, is never much by its share, however few there are; so
// the links that merely follow an end that stops count for the number only.
func (b Bound) Exceeds(s Stopped) bool {
	if s.Portals+s.Links > b.Count {
		return true
	}
	own := s.Portals + s.Links - s.Consequent
	return own >= 2 && own*100 > b.Percent*s.Running
}

// Statement returns what the author states to accept, as far as it counts for the
// newest spec; nil for nothing. A statement counts when the operator first sees
// it: with a change, or after it while the change waits. One that it has seen is
// used up, needed or not: left behind in Git, it must not let the next slip pass.
// After several writes that it saw as one it can't know which came first.
func Statement(p *v1alpha1.SecurityPolicy) *v1alpha1.AcceptedImpact {
	stated, seen := p.Spec.AcceptedImpact, p.Status.UsedAcceptance
	if stated == nil || seen != nil && *seen == *stated || p.Generation > max(p.Status.ObservedGeneration, 0)+1 {
		return nil
	}
	return stated
}

// Accepts reports whether a statement that counts covers what would stop.
func Accepts(stated *v1alpha1.AcceptedImpact, s Stopped) bool {
	return stated != nil && s.Portals <= int(stated.Portals) && s.Links <= int(stated.Links)
}
