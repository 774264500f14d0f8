package desired

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// admissionPolicy holds an enforced SecurityPolicy on the pods in the API
// server itself, so that it stands while the operator is down and against
// whoever makes pods. The values are inlined: there is no second object that
// somebody could change. It is nil for an audited policy and for one without
// controls that a pod can show.
func admissionPolicy(s scope, name string, spec *v1alpha1.SecurityPolicySpec) (*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding) {
	validations := podValidations(name, spec)
	if spec.Mode == v1alpha1.ModeAudit || len(validations) == 0 {
		return nil, nil
	}
	m := s.meta(names.AdmissionPolicy(name))
	vap := &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: m,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    ptrTo(admissionv1.Fail),
			MatchConstraints: podConstraints(spec.Selector),
			MatchConditions: []admissionv1.MatchCondition{{
				// Updates of labels or finalizers must pass, else a pod that was
				// admitted before the policy could never be cleaned up.
				Name:       "spec-is-new",
				Expression: "request.operation == 'CREATE' || object.spec != oldObject.spec",
			}},
			Variables: []admissionv1.Variable{
				{Name: "workers", Expression: "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])"},
				{Name: "images", Expression: "variables.workers.map(c, c.image) + (has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers.map(c, c.image) : [])"},
			},
			Validations: validations,
		},
	}
	return vap, denyBinding(vap)
}

// denyBinding puts an admission policy in force everywhere that it matches.
func denyBinding(p *admissionv1.ValidatingAdmissionPolicy) *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: *p.ObjectMeta.DeepCopy(),
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        p.Name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}

// podConstraints selects the pods of selected portals by labels that only the
// operator writes.
func podConstraints(sel v1alpha1.PolicySelector) *admissionv1.MatchResources {
	namespaces := metav1.LabelSelectorRequirement{Key: names.LabelAgency, Operator: metav1.LabelSelectorOpExists}
	if len(sel.Agencies) > 0 {
		namespaces.Operator = metav1.LabelSelectorOpIn
		namespaces.Values = sortedStrings(sel.Agencies)
	}
	objects := &metav1.LabelSelector{}
	if len(sel.SecurityLevels) > 0 {
		var levels []string
		for _, l := range sel.SecurityLevels {
			levels = append(levels, strconv.Itoa(int(l)))
		}
		slices.Sort(levels)
		objects.MatchExpressions = append(objects.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: names.LabelSecurityLevel, Operator: metav1.LabelSelectorOpIn, Values: levels})
	}
	if len(sel.Exposures) > 0 {
		objects.MatchExpressions = append(objects.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: names.LabelExposure, Operator: metav1.LabelSelectorOpIn, Values: sortedStrings(sel.Exposures)})
	}
	return &admissionv1.MatchResources{
		MatchPolicy:       ptrTo(admissionv1.Equivalent),
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{namespaces}},
		ObjectSelector:    objects,
		ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"},
					Resources: []string{"pods", "pods/ephemeralcontainers", "pods/resize"}, Scope: ptrTo(admissionv1.NamespacedScope)},
			},
		}},
	}
}

// podValidations translates the controls that a pod can show. The values come
// from fields whose schema allows no quotes, and are quoted all the same.
func podValidations(name string, spec *v1alpha1.SecurityPolicySpec) []admissionv1.Validation {
	var out []admissionv1.Validation
	add := func(control, expression, remedy string) {
		out = append(out, admissionv1.Validation{
			Expression: expression,
			Message:    fmt.Sprintf("SecurityPolicy %s, control %s: %s", name, control, remedy),
			Reason:     ptrTo(metav1.StatusReasonForbidden),
		})
	}
	if c := spec.Images; c != nil {
		if len(c.AllowedRegistries) > 0 {
			add("images.allowedRegistries", "variables.images.all(i, "+celList(sortedStrings(c.AllowedRegistries))+
				".exists(r, i.startsWith(r + '/') || (r.contains('/') && (i == r || i.startsWith(r + ':') || i.startsWith(r + '@')))))",
				"every container image must come from "+strings.Join(sortedStrings(c.AllowedRegistries), ", "))
		}
		if c.RequireDigest {
			add("images.requireDigest", "variables.images.all(i, i.matches('@sha256:[a-f0-9]{64}$'))", "every container image must be referenced by digest (@sha256:...)")
		}
	}
	if c := spec.Resources; c != nil {
		if c.RequireLimits || c.MaxCPU != nil || c.MaxMemory != nil {
			// A limit of zero is none.
			add("resources.requireLimits", "variables.workers.all(c, has(c.resources) && has(c.resources.limits) && ['cpu', 'memory'].all(r, r in c.resources.limits && quantity(c.resources.limits[r]).isGreaterThan(quantity('0'))))",
				"every container must have limits for cpu and memory")
		}
		if q := c.MaxCPU; q != nil {
			add("resources.maxCPU", celMaximum("cpu", q.String()), "no container may have a cpu limit above "+q.String())
		}
		if q := c.MaxMemory; q != nil {
			add("resources.maxMemory", celMaximum("memory", q.String()), "no container may have a memory limit above "+q.String())
		}
	}
	if c := spec.Isolation; c != nil {
		if v := c.RuntimeClassName; v != "" {
			add("isolation.runtimeClassName", "has(object.spec.runtimeClassName) && object.spec.runtimeClassName == "+strconv.Quote(v), "the pod must use runtime class "+v)
		}
		if v := c.NodePool; v != "" {
			add("isolation.nodePool", fmt.Sprintf("has(object.spec.nodeSelector) && %q in object.spec.nodeSelector && object.spec.nodeSelector[%q] == %q",
				names.LabelNodePool, names.LabelNodePool, v), "the pod must be bound to node pool "+v)
		}
	}
	return out
}

func celMaximum(resource, most string) string {
	return fmt.Sprintf("variables.workers.all(c, !has(c.resources) || !has(c.resources.limits) || !(%q in c.resources.limits) || quantity(c.resources.limits[%q]).compareTo(quantity(%q)) <= 0)", resource, resource, most)
}

func celList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func sortedStrings[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	slices.Sort(out)
	return out
}
