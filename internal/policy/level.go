// Package policy decides: the security level of a system, which policies select
// it, their common floor and what it does not meet. Everything here is pure.
package policy

import (
	"slices"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
)

// SecurityLevel computes the level of a system and the criteria that gave it.
// The rules are data (settings); without a rule that holds the level is 1.
func SecurityLevel(spec *v1alpha1.AgencyPortalSpec, rules []settings.LevelRule) (v1alpha1.SecurityLevel, []string) {
	level := v1alpha1.SecurityLevel(1)
	var criteria []string
	for _, r := range rules {
		if !holds(r, spec) || r.Level < level {
			continue
		}
		if r.Level > level {
			level, criteria = r.Level, nil
		}
		criteria = append(criteria, r.Criterion)
	}
	slices.Sort(criteria)
	return level, criteria
}

func holds(r settings.LevelRule, spec *v1alpha1.AgencyPortalSpec) bool {
	if len(r.Scopes) > 0 && !slices.Contains(r.Scopes, spec.Scope) {
		return false
	}
	if len(r.DataClassifications) > 0 && !slices.Contains(r.DataClassifications, spec.DataClassification) {
		return false
	}
	if spec.ExpectedUsers < r.MinUsers {
		return false
	}
	if r.MinServiceLevel > 0 {
		return slices.ContainsFunc(spec.PublicServices, func(s v1alpha1.PublicService) bool { return s.Level >= r.MinServiceLevel })
	}
	return true
}

// Subject is what a policy's selector looks at.
type Subject struct {
	Level    v1alpha1.SecurityLevel
	Agency   string
	Exposure v1alpha1.Exposure
}

// Selects tells whether a selector selects the subject.
func Selects(sel v1alpha1.PolicySelector, s Subject) bool {
	if len(sel.SecurityLevels) > 0 && !slices.Contains(sel.SecurityLevels, s.Level) {
		return false
	}
	if len(sel.Agencies) > 0 && !slices.Contains(sel.Agencies, v1alpha1.AgencyName(s.Agency)) {
		return false
	}
	return len(sel.Exposures) == 0 || slices.Contains(sel.Exposures, s.Exposure)
}

// Selecting returns the policies that select the subject, sorted by name. A
// policy that is being deleted still counts: it holds until it is gone.
func Selecting(policies []v1alpha1.SecurityPolicy, s Subject) []v1alpha1.SecurityPolicy {
	var out []v1alpha1.SecurityPolicy
	for i := range policies {
		if Selects(policies[i].Spec.Selector, s) {
			out = append(out, policies[i])
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.SecurityPolicy) int { return strings.Compare(a.Name, b.Name) })
	return out
}
