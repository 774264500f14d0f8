package control

import (
	"cmp"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/internal/names"
)

// Of two values that can't both hold the first is written, and the evaluation
// reports the other as violated.
const firstByName = "the first by the policy's name; a workload violates the others"

var isolation = []Control{{
	Name:    "isolation.runtimeClassName",
	What:    "a sandbox for the pods (RuntimeClass)",
	Of:      firstByName,
	Demands: func(s *Spec) bool { return s.Isolation != nil && s.Isolation.RuntimeClassName != "" },
	Evaluate: func(s *Spec, w Workload) []Finding {
		got := ""
		if name := w.Template.Spec.RuntimeClassName; name != nil {
			got = *name
		}
		return differs("runtime class", got, s.Isolation.RuntimeClassName)
	},
	Admit: func(s *Spec) Admission {
		want := s.Isolation.RuntimeClassName
		return Admission{"has(object.spec.runtimeClassName) && object.spec.runtimeClassName == " + strconv.Quote(want), "the pod must use runtime class " + want}
	},
	Join: func(f *Floor, s *Spec) { f.RuntimeClassName = cmp.Or(f.RuntimeClassName, s.Isolation.RuntimeClassName) },
	Write: func(t *corev1.PodTemplateSpec, f Floor) {
		if f.RuntimeClassName != "" {
			t.Spec.RuntimeClassName = &f.RuntimeClassName
		}
	},
}, {
	Name:    "isolation.nodePool",
	What:    "nodes of their own for the pods (label and taint `" + names.LabelNodePool + "`)",
	Of:      firstByName,
	Demands: func(s *Spec) bool { return s.Isolation != nil && s.Isolation.NodePool != "" },
	Evaluate: func(s *Spec, w Workload) []Finding {
		return differs("node pool", w.Template.Spec.NodeSelector[names.LabelNodePool], s.Isolation.NodePool)
	},
	Admit: func(s *Spec) Admission {
		want := s.Isolation.NodePool
		return Admission{
			fmt.Sprintf("has(object.spec.nodeSelector) && %q in object.spec.nodeSelector && object.spec.nodeSelector[%q] == %q", names.LabelNodePool, names.LabelNodePool, want),
			"the pod must be bound to node pool " + want,
		}
	},
	Join: func(f *Floor, s *Spec) { f.NodePool = cmp.Or(f.NodePool, s.Isolation.NodePool) },
	Write: func(t *corev1.PodTemplateSpec, f Floor) {
		if f.NodePool != "" {
			t.Spec.NodeSelector = map[string]string{names.LabelNodePool: f.NodePool}
			t.Spec.Tolerations = []corev1.Toleration{{Key: names.LabelNodePool, Operator: corev1.TolerationOpEqual, Value: f.NodePool}}
		}
	},
}}

func differs(what, got, want string) []Finding {
	if got == want {
		return nil
	}
	return []Finding{{Found: what + " " + cmp.Or(got, "none"), Wanted: want}}
}
