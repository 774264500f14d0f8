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

// Accepts reports whether the author's statement covers what would stop. A
// statement that was needed for an earlier change is used up: left behind in
// Git, it must not let the next slip pass.
func Accepts(stated, used *v1alpha1.AcceptedImpact, s Stopped) bool {
	if stated == nil || used != nil && *used == *stated {
		return false
	}
	return s.Portals <= int(stated.Portals) && s.Links <= int(stated.Links)
}
