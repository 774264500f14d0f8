package control

import (
	"fmt"
	"sync"

	podsecurityapi "k8s.io/pod-security-admission/api"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

var podSecurity = []Control{{
	Name:    "podSecurity",
	What:    "a Pod Security Standard, `Baseline` or `Restricted`. Kubernetes holds every pod in an agency's namespace to `Restricted`, whatever policies say, and both judge by the version of the settings (`podSecurityVersion`)",
	Of:      "`Restricted` before `Baseline`",
	Demands: func(s *Spec) bool { return s.PodSecurity != "" },
	Evaluate: func(s *Spec, w Workload) []Finding {
		standard := podsecurityapi.LevelRestricted
		if s.PodSecurity == v1alpha1.PodSecurityBaseline {
			standard = podsecurityapi.LevelBaseline
		}
		wanted := string(s.PodSecurity)
		evaluator, err := podSecurityEvaluator()
		if err != nil {
			return []Finding{{Found: "unknown: " + err.Error(), Wanted: wanted}}
		}
		// Of another version than the namespace's, the pods could be refused that are
		// found good here, or the other way round.
		version, err := podsecurityapi.ParseVersion(w.PodSecurityVersion)
		if err != nil {
			return []Finding{{Found: fmt.Sprintf("unknown: version %q %v", w.PodSecurityVersion, err), Wanted: wanted}}
		}
		var out []Finding
		at := podsecurityapi.LevelVersion{Level: standard, Version: version}
		for _, r := range evaluator.EvaluatePod(at, &w.Template.ObjectMeta, &w.Template.Spec) {
			if !r.Allowed {
				out = append(out, Finding{Found: r.ForbiddenReason + ": " + r.ForbiddenDetail, Wanted: wanted})
			}
		}
		return out
	},
}}

// podSecurityEvaluator is built once: that costs more than all that it judges in
// a round, and it never changes.
var podSecurityEvaluator = sync.OnceValues(func() (podsecuritypolicy.Evaluator, error) {
	return podsecuritypolicy.NewEvaluator(podsecuritypolicy.DefaultChecks(), nil)
})
