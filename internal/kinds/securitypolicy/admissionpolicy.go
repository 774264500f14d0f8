package securitypolicy

import (
	"slices"
	"strconv"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// admissionPolicy holds an enforced SecurityPolicy on the pods in the API
// server itself, so that it stands while the operator is down and against
// whoever makes pods. The values are inlined: there is no second object that
// somebody could change. It is nil for an audited policy and for one without
// controls that a pod can show.
func admissionPolicy(s object.Scope, name string, spec *v1alpha1.SecurityPolicySpec) (*admissionv1.ValidatingAdmissionPolicy, *admissionv1.ValidatingAdmissionPolicyBinding) {
	validations := control.Validations(name, spec)
	if spec.Mode == v1alpha1.ModeAudit || len(validations) == 0 {
		return nil, nil
	}
	m := s.Meta(names.AdmissionPolicy(name))
	vap := &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: m,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    ptr.To(admissionv1.Fail),
			MatchConstraints: podConstraints(spec.Selector),
			MatchConditions: []admissionv1.MatchCondition{{
				// Updates of labels or finalizers must pass, else a pod that was
				// admitted before the policy could never be cleaned up.
				Name:       "spec-is-new",
				Expression: "request.operation == 'CREATE' || object.spec != oldObject.spec",
			}},
			Variables:   control.Variables(),
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
		namespaces.Values = object.Sorted(sel.Agencies)
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
			Key: names.LabelExposure, Operator: metav1.LabelSelectorOpIn, Values: object.Sorted(sel.Exposures)})
	}
	return &admissionv1.MatchResources{
		MatchPolicy:       ptr.To(admissionv1.Equivalent),
		NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{namespaces}},
		ObjectSelector:    objects,
		ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"},
					Resources: []string{"pods", "pods/ephemeralcontainers", "pods/resize"}, Scope: ptr.To(admissionv1.NamespacedScope)},
			},
		}},
	}
}
