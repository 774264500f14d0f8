package control

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

var resources = []Control{{
	Name: "resources.requireLimits",
	What: "limits for cpu and memory of each container; `maxCPU` and `maxMemory` demand them too",
	Of:   "one is enough",
	Demands: func(s *Spec) bool {
		return s.Resources != nil && (s.Resources.RequireLimits || s.Resources.MaxCPU != nil || s.Resources.MaxMemory != nil)
	},
	Evaluate: func(_ *Spec, w Workload) []Finding {
		var out []Finding
		for _, c := range workers(w) {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				// A limit of zero is none.
				if limit := c.limits[name]; limit.IsZero() {
					out = append(out, Finding{Found: fmt.Sprintf("container %s without %s limit", c.name, name), Wanted: "a limit for cpu and memory"})
				}
			}
		}
		return out
	},
	Admit: func(*Spec) Admission {
		return Admission{
			"variables.workers.all(c, has(c.resources) && has(c.resources.limits) && ['cpu', 'memory'].all(r, r in c.resources.limits && quantity(c.resources.limits[r]).isGreaterThan(quantity('0'))))",
			"every container must have limits for cpu and memory",
		}
	},
},
	most("resources.maxCPU", "the largest cpu limit of a container", corev1.ResourceCPU, func(r *v1alpha1.ResourceControl) *resource.Quantity { return r.MaxCPU }),
	most("resources.maxMemory", "the largest memory limit of a container", corev1.ResourceMemory, func(r *v1alpha1.ResourceControl) *resource.Quantity { return r.MaxMemory }),
}

// most is a control that bounds a limit of containers. One without a limit is the
// matter of resources.requireLimits.
func most(name, what string, of corev1.ResourceName, in func(*v1alpha1.ResourceControl) *resource.Quantity) Control {
	return Control{
		Name:    name,
		What:    what,
		Of:      "the smallest",
		Demands: func(s *Spec) bool { return s.Resources != nil && in(s.Resources) != nil },
		Evaluate: func(s *Spec, w Workload) []Finding {
			var out []Finding
			bound := in(s.Resources)
			for _, c := range workers(w) {
				if limit := c.limits[of]; !limit.IsZero() && limit.Cmp(*bound) > 0 {
					out = append(out, Finding{Found: fmt.Sprintf("resources.limits.%s %s", of, limit.String()), Wanted: "at most " + bound.String()})
				}
			}
			return out
		},
		Admit: func(s *Spec) Admission {
			bound := in(s.Resources).String()
			return Admission{
				fmt.Sprintf("variables.workers.all(c, !has(c.resources) || !has(c.resources.limits) || !(%q in c.resources.limits) || quantity(c.resources.limits[%q]).compareTo(quantity(%q)) <= 0)", of, of, bound),
				fmt.Sprintf("no container may have a %s limit above %s", of, bound),
			}
		},
	}
}

// workers are the containers that may have resources: Kubernetes allows none on
// ephemeral containers.
func workers(w Workload) []container {
	var out []container
	for _, c := range containers(&w.Template.Spec) {
		if !c.ephemeral {
			out = append(out, c)
		}
	}
	return out
}
