package policy

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/text"
)

// Evaluate returns what the workload does not meet, sorted by policy and
// control, for enforced and audited policies alike.
func Evaluate(selected []v1alpha1.SecurityPolicy, w control.Workload) []v1alpha1.PolicyFinding {
	var out []v1alpha1.PolicyFinding
	for i := range selected {
		p := &selected[i]
		mode := p.Spec.Mode
		if mode == "" {
			// Fail closed: an unset mode enforces.
			mode = v1alpha1.ModeEnforce
		}
		out = append(out, findings(p.Name, mode, control.Evaluate(&p.Spec, w))...)
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.PolicyFinding) int {
		return strings.Compare(a.Policy+"\x00"+a.Control+"\x00"+a.Found, b.Policy+"\x00"+b.Control+"\x00"+b.Found)
	})
	return out
}

// Isolation returns what enforced policies demand of pods that were made from a
// template, and that only the operator could have written into it. Such pods run
// on, but none like them can be made again.
func Isolation(selected []v1alpha1.SecurityPolicy, t corev1.PodTemplateSpec) []v1alpha1.PolicyFinding {
	var out []v1alpha1.PolicyFinding
	for i := range selected {
		if p := &selected[i]; p.Spec.Mode != v1alpha1.ModeAudit {
			out = append(out, findings(p.Name, v1alpha1.ModeEnforce, control.EvaluateWritten(&p.Spec, t))...)
		}
	}
	return out
}

// Blocking returns the findings of enforced policies that are in force for what
// was evaluated.
func Blocking(findings []v1alpha1.PolicyFinding) []v1alpha1.PolicyFinding {
	var out []v1alpha1.PolicyFinding
	for _, f := range findings {
		if f.Mode != v1alpha1.ModeAudit && f.Mode != v1alpha1.ModeHeld {
			out = append(out, f)
		}
	}
	return out
}

// The schema bounds what a finding says, in characters; these bounds are bytes.
const (
	maxFound  = 1024
	maxWanted = 2048
)

func findings(policy string, mode v1alpha1.PolicyMode, found []control.Finding) []v1alpha1.PolicyFinding {
	out := make([]v1alpha1.PolicyFinding, len(found))
	for i, f := range found {
		out[i] = v1alpha1.PolicyFinding{
			Policy: policy, Mode: mode, Control: f.Control,
			Found: text.Clip(text.Line(f.Found), maxFound), Wanted: text.Clip(text.Line(f.Wanted), maxWanted),
		}
	}
	return out
}
