package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	podsecurity "k8s.io/pod-security-admission/api"
	podsecuritypolicy "k8s.io/pod-security-admission/policy"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/text"
)

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
}

// Evaluate returns what the workload does not meet, sorted by policy and
// control, for enforced and audited policies alike.
func Evaluate(selected []v1alpha1.SecurityPolicy, w Workload) []v1alpha1.PolicyFinding {
	var out []v1alpha1.PolicyFinding
	for i := range selected {
		p := &selected[i]
		mode := p.Spec.Mode
		if mode == "" {
			// Fail closed: an unset mode enforces.
			mode = v1alpha1.ModeEnforce
		}
		e := evaluation{policy: p.Name, mode: mode}
		e.images(p.Spec.Images, w)
		e.podSecurity(p.Spec.PodSecurity, w)
		e.availability(p.Spec.Availability, w)
		e.resources(p.Spec.Resources, w)
		e.network(p.Spec.Network, w)
		e.isolation(p.Spec.Isolation, w)
		out = append(out, e.findings...)
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.PolicyFinding) int {
		return strings.Compare(a.Policy+"\x00"+a.Control+"\x00"+a.Found, b.Policy+"\x00"+b.Control+"\x00"+b.Found)
	})
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

type evaluation struct {
	policy   string
	mode     v1alpha1.PolicyMode
	findings []v1alpha1.PolicyFinding
}

func (e *evaluation) report(control, found, wanted string) {
	e.findings = append(e.findings, v1alpha1.PolicyFinding{
		Policy: e.policy, Mode: e.mode, Control: control, Found: text.Clip(text.Line(found), maxFound), Wanted: text.Clip(text.Line(wanted), maxWanted),
	})
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

func (e *evaluation) images(c *v1alpha1.ImageControl, w Workload) {
	if c == nil {
		return
	}
	for _, ct := range containers(&w.Template.Spec) {
		// An empty list allows nothing; no list says nothing.
		if c.AllowedRegistries != nil && !RegistryAllowed(ct.image, c.AllowedRegistries) {
			e.report("images.allowedRegistries", ct.image, "an image from "+joinRegistries(c.AllowedRegistries))
		}
		if c.RequireDigest && !HasDigest(ct.image) {
			e.report("images.requireDigest", ct.image, "a reference by digest (@sha256:...)")
		}
	}
}

// podSecurityEvaluator is built once: that costs more than all that it judges in
// a round, and it never changes.
var podSecurityEvaluator = sync.OnceValues(func() (podsecuritypolicy.Evaluator, error) {
	return podsecuritypolicy.NewEvaluator(podsecuritypolicy.DefaultChecks(), nil)
})

func (e *evaluation) podSecurity(level v1alpha1.PodSecurityLevel, w Workload) {
	if level == "" {
		return
	}
	standard := podsecurity.LevelRestricted
	if level == v1alpha1.PodSecurityBaseline {
		standard = podsecurity.LevelBaseline
	}
	evaluator, err := podSecurityEvaluator()
	if err != nil {
		e.report("podSecurity", "unknown: "+err.Error(), string(level))
		return
	}
	results := evaluator.EvaluatePod(podsecurity.LevelVersion{Level: standard, Version: podsecurity.LatestVersion()}, &w.Template.ObjectMeta, &w.Template.Spec)
	for _, r := range results {
		if !r.Allowed {
			e.report("podSecurity", r.ForbiddenReason+": "+r.ForbiddenDetail, string(level))
		}
	}
}

func (e *evaluation) availability(c *v1alpha1.AvailabilityControl, w Workload) {
	if c == nil {
		return
	}
	if w.MinReplicas < c.MinReplicas {
		e.report("availability.minReplicas", fmt.Sprintf("replicas.min %d", w.MinReplicas), fmt.Sprintf("at least %d", c.MinReplicas))
	}
	if c.RequireDisruptionBudget && !w.HasDisruptionBudget {
		e.report("availability.requireDisruptionBudget", "one pod at most", "more than one, by replicas.min or replicas.max, so that a disruption budget can hold")
	}
}

func (e *evaluation) resources(c *v1alpha1.ResourceControl, w Workload) {
	if c == nil {
		return
	}
	for _, ct := range containers(&w.Template.Spec) {
		if ct.ephemeral {
			// Kubernetes allows no resources on ephemeral containers.
			continue
		}
		e.limit(c, ct, corev1.ResourceCPU, "resources.maxCPU", c.MaxCPU)
		e.limit(c, ct, corev1.ResourceMemory, "resources.maxMemory", c.MaxMemory)
	}
}

func (e *evaluation) limit(c *v1alpha1.ResourceControl, ct container, name corev1.ResourceName, control string, most *resource.Quantity) {
	limit, ok := ct.limits[name]
	if !ok || limit.IsZero() {
		if c.RequireLimits || most != nil {
			e.report("resources.requireLimits", fmt.Sprintf("container %s without %s limit", ct.name, name), "a limit for cpu and memory")
		}
		return
	}
	if most != nil && limit.Cmp(*most) > 0 {
		e.report(control, fmt.Sprintf("resources.limits.%s %s", name, limit.String()), "at most "+most.String())
	}
}

func (e *evaluation) network(c *v1alpha1.NetworkControl, w Workload) {
	if c == nil || !c.DenyInternetEgress {
		return
	}
	for _, p := range w.Policies {
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.IPBlock != nil && !slices.Contains(w.NameServers, peer.IPBlock.CIDR) && !InNetworks(w.Networks, peer.IPBlock.CIDR)
			}) {
				e.report("network.denyInternetEgress", "NetworkPolicy "+p.Name+" opens egress to addresses outside the declared networks", "egress to pods of the platform and to the declared networks only")
			}
		}
	}
}

// Isolation returns what enforced policies demand of pods that were made from a
// template, and that only the operator could have written into it. Such pods run
// on, but none like them can be made again.
func Isolation(selected []v1alpha1.SecurityPolicy, t corev1.PodTemplateSpec) []v1alpha1.PolicyFinding {
	var out []v1alpha1.PolicyFinding
	for i := range selected {
		if p := &selected[i]; p.Spec.Mode != v1alpha1.ModeAudit {
			e := evaluation{policy: p.Name, mode: v1alpha1.ModeEnforce}
			e.isolation(p.Spec.Isolation, Workload{Template: t})
			out = append(out, e.findings...)
		}
	}
	return out
}

func (e *evaluation) isolation(c *v1alpha1.IsolationControl, w Workload) {
	if c == nil {
		return
	}
	if want := c.RuntimeClassName; want != "" {
		if got := w.Template.Spec.RuntimeClassName; got == nil || *got != want {
			e.report("isolation.runtimeClassName", "runtime class "+orNone(got), want)
		}
	}
	if want := c.NodePool; want != "" {
		got, ok := w.Template.Spec.NodeSelector[names.LabelNodePool]
		if !ok || got != want {
			e.report("isolation.nodePool", "node pool "+orNone(&got), want)
		}
	}
}

func orNone(s *string) string {
	if s == nil || *s == "" {
		return "none"
	}
	return *s
}

func joinRegistries(rs []v1alpha1.RegistryPrefix) string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
