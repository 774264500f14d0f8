package control

import "fmt"

var availability = []Control{{
	Name:    "availability.minReplicas",
	What:    "at least so many pods (`replicas.min`)",
	Of:      "the largest",
	Demands: func(s *Spec) bool { return s.Availability != nil && s.Availability.MinReplicas > 0 },
	Evaluate: func(s *Spec, w Workload) []Finding {
		if w.MinReplicas >= s.Availability.MinReplicas {
			return nil
		}
		return []Finding{{Found: fmt.Sprintf("replicas.min %d", w.MinReplicas), Wanted: fmt.Sprintf("at least %d", s.Availability.MinReplicas)}}
	},
}, {
	Name:    "availability.requireDisruptionBudget",
	What:    "a PodDisruptionBudget, which needs two pods",
	Of:      "one is enough",
	Demands: func(s *Spec) bool { return s.Availability != nil && s.Availability.RequireDisruptionBudget },
	Evaluate: func(_ *Spec, w Workload) []Finding {
		if w.HasDisruptionBudget {
			return nil
		}
		return []Finding{{Found: "one pod at most", Wanted: "more than one, by replicas.min or replicas.max, so that a disruption budget can hold"}}
	},
}}
