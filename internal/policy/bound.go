package policy

import "github.com/govplatform/govplatform/api/v1alpha1"

// Bound is how much one change of a standard may stop by itself.
type Bound struct {
	// Count is the most running portals and open links.
	Count int
	// Percent is the largest share of what runs, for two or more of them.
	Percent int
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
