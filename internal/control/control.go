// Package control is the table of what a SecurityPolicy can demand: one file per
// group of controls, one row per control. What is judged, refused, written into
// pods, told in statuses and documented all derives from the rows, so a control
// can't be forgotten in one of them. Everything here is pure.
package control

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Spec is what a control is stated in.
type Spec = v1alpha1.SecurityPolicySpec

// Control is one thing that a SecurityPolicy can demand.
type Control struct {
	// Name is the path of its field below spec, e.g. images.allowedRegistries.
	Name string
	// What it demands, in words, for people who write a standard.
	What string
	// Of says what several policies demand together.
	Of string
	// Demands reports whether a spec demands it.
	Demands func(*Spec) bool
	// Evaluate returns what a workload does not meet; nil where no workload shows it.
	// It is asked only where the spec demands the control, like what follows.
	Evaluate func(*Spec, Workload) []Finding
	// Admit returns what the API server demands of pods; nil where no pod shows it.
	Admit func(*Spec) Admission
	// Join takes what a spec demands into the floor, and Write writes the floor into
	// pods; nil for what the operator does not write.
	Join  func(*Floor, *Spec)
	Write func(*corev1.PodTemplateSpec, Floor)
	// Elsewhere is where it is held besides; see Held.
	Elsewhere []Place
}

// Place is where a control is held.
type Place string

const (
	// Evaluation is where the operator judges what would run, and starts no portal
	// that violates the control. What is audited is reported there.
	Evaluation Place = "Evaluation"
	// Admitted is where the API server refuses pods that violate it.
	Admitted Place = "Admission"
	// Written is what the operator writes into the pods.
	Written Place = "Written"
	// Links are the data-sharing links that are closed where they violate it.
	Links Place = "Links"
	// Datasets are those whose ownership follows it.
	Datasets Place = "Datasets"
)

// Held returns where the control is held; nothing for a control that is stored
// and has no effect yet.
func (c Control) Held() []Place {
	var out []Place
	if c.Evaluate != nil {
		out = append(out, Evaluation)
	}
	if c.Admit != nil {
		out = append(out, Admitted)
	}
	if c.Write != nil {
		out = append(out, Written)
	}
	return append(out, c.Elsewhere...)
}

// Finding is one thing that a workload does not meet.
type Finding struct{ Control, Found, Wanted string }

// Admission is what the API server demands of a pod: an expression of CEL over
// object and the variables of Variables, and what to do when it is false.
type Admission struct{ Expression, Remedy string }

// Workload is what would run, as the operator would write it. Evaluating this
// and not the spec keeps a new field from going unnoticed.
type Workload struct {
	Template            corev1.PodTemplateSpec
	MinReplicas         int32
	HasDisruptionBudget bool
	// Policies are all network policies that open egress for the workload.
	Policies []*networkingv1.NetworkPolicy
	// Networks are the blocks that are declared as the platform's.
	Networks []string
	// NameServers are the addresses of the installation's name servers, which are
	// no way out of the platform.
	NameServers []string
	// PodSecurityVersion of the Pod Security Standards, as in the label of the
	// namespace, e.g. v1.36.
	PodSecurityVersion string
}

// Floor is what the operator writes into a workload: the strictest that the
// enforced policies demand which select it.
type Floor struct {
	// RuntimeClassName of the pods; empty for the node's default.
	RuntimeClassName string
	// NodePool that the pods are bound to; empty for any.
	NodePool string
	// RetentionMonths is how long logs are kept at least.
	RetentionMonths int32
}

// Join takes what a spec demands into the floor.
func (f *Floor) Join(spec *Spec) {
	for i := range rows {
		if c := &rows[i]; c.Join != nil && c.Demands(spec) {
			c.Join(f, spec)
		}
	}
}

// Write writes the floor into pods.
func (f Floor) Write(t *corev1.PodTemplateSpec) {
	for i := range rows {
		if rows[i].Write != nil {
			rows[i].Write(t, f)
		}
	}
}

// Effect is what the controls of a spec come to.
type Effect struct {
	// Effective is true when at least one control is enforced or, in Audit mode,
	// reported.
	Effective bool
	// Stored are the controls that are held nowhere yet.
	Stored []string
	// Unreported are those that are held, and not reported while the spec is audited.
	Unreported []string
}

// EffectOf returns what the controls of a spec come to.
func EffectOf(spec *Spec) Effect {
	var e Effect
	for i := range rows {
		c := &rows[i]
		switch {
		case !c.Demands(spec):
		case len(c.Held()) == 0:
			e.Stored = append(e.Stored, c.Name)
		case spec.Mode == v1alpha1.ModeAudit && c.Evaluate == nil:
			e.Unreported = append(e.Unreported, c.Name)
		default:
			e.Effective = true
		}
	}
	return e
}

// Evaluate returns what a workload does not meet of a spec, in the order of the
// table.
func Evaluate(spec *Spec, w Workload) []Finding {
	return evaluateWhere(spec, w, func(*Control) bool { return true })
}

// EvaluateWritten returns what pods that were made do not meet of what only the
// operator writes into them.
func EvaluateWritten(spec *Spec, t corev1.PodTemplateSpec) []Finding {
	return evaluateWhere(spec, Workload{Template: t}, (*Control).placed)
}

func evaluateWhere(spec *Spec, w Workload, judged func(*Control) bool) []Finding {
	var out []Finding
	for i := range rows {
		c := &rows[i]
		if c.Evaluate == nil || !judged(c) || !c.Demands(spec) {
			continue
		}
		for _, f := range c.Evaluate(spec, w) {
			f.Control = c.Name
			out = append(out, f)
		}
	}
	return out
}

// placed reports whether the control says where pods run: the operator writes it,
// and the pod shows it.
func (c *Control) placed() bool { return c.Write != nil && c.Evaluate != nil }

// Places reports whether a spec demands something that only the operator writes
// into pods and that they show.
func Places(spec *Spec) bool { return demands(spec, (*Control).placed) }

// ConcernsLinks reports whether a spec demands something that can close links.
func ConcernsLinks(spec *Spec) bool {
	return demands(spec, func(c *Control) bool { return len(c.Elsewhere) > 0 })
}

func demands(spec *Spec, which func(*Control) bool) bool {
	for i := range rows {
		if which(&rows[i]) && rows[i].Demands(spec) {
			return true
		}
	}
	return false
}

// Variables are what expressions of Validations refer to.
func Variables() []admissionv1.Variable {
	return []admissionv1.Variable{
		{Name: "workers", Expression: "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])"},
		{Name: "images", Expression: "variables.workers.map(c, c.image) + (has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers.map(c, c.image) : [])"},
	}
}

// Validations translates what a spec demands of pods for the API server, for the
// policy of a name.
func Validations(name string, spec *Spec) []admissionv1.Validation {
	var out []admissionv1.Validation
	for i := range rows {
		c := &rows[i]
		if c.Admit == nil || !c.Demands(spec) {
			continue
		}
		a, reason := c.Admit(spec), metav1.StatusReasonForbidden
		out = append(out, admissionv1.Validation{
			Expression: a.Expression,
			Message:    fmt.Sprintf("SecurityPolicy %s, control %s: %s", name, c.Name, a.Remedy),
			Reason:     &reason,
		})
	}
	return out
}

// container is what all kinds of containers have in common.
type container struct {
	name, image string
	limits      corev1.ResourceList
	ephemeral   bool
}

// containers lists every container of a pod: regular, init (sidecars are init
// containers) and ephemeral.
func containers(spec *corev1.PodSpec) []container {
	var out []container
	for _, c := range spec.InitContainers {
		out = append(out, container{name: c.Name, image: c.Image, limits: c.Resources.Limits})
	}
	for _, c := range spec.Containers {
		out = append(out, container{name: c.Name, image: c.Image, limits: c.Resources.Limits})
	}
	for _, c := range spec.EphemeralContainers {
		out = append(out, container{name: c.Name, image: c.Image, limits: c.Resources.Limits, ephemeral: true})
	}
	return out
}
