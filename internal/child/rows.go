package child

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// The kinds that emit children.
const (
	Agency          = v1alpha1.KindAgency
	AgencyPortal    = v1alpha1.KindAgencyPortal
	SecurityPolicy  = v1alpha1.KindSecurityPolicy
	DataSharingLink = v1alpha1.KindDataSharingLink
	// Settings are no kind of the API: the operator's file.
	Settings = "Settings"
)

// rows in the order of removal: what scales and runs goes before what holds it.
var rows = ranked([]Row{
	{
		GVK: autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), Stage: StageWorkload, Owners: []string{AgencyPortal}, Merge: mergeAutoscaler, Grants: true,
		New: func() Object { return &autoscalingv2.HorizontalPodAutoscaler{} }, NewList: func() List { return &autoscalingv2.HorizontalPodAutoscalerList{} },
	},
	{
		GVK: appsv1.SchemeGroupVersion.WithKind("Deployment"), Stage: StageWorkload, Owners: []string{AgencyPortal}, Merge: mergeDeployment, Grants: true, Fixed: fixedOfDeployment,
		New: func() Object { return &appsv1.Deployment{} }, NewList: func() List { return &appsv1.DeploymentList{} },
	},
	{
		GVK: corev1.SchemeGroupVersion.WithKind("Service"), Stage: StageSupport, Owners: []string{AgencyPortal}, Merge: mergeService, Grants: true, Fixed: fixedOfService,
		New: func() Object { return &corev1.Service{} }, NewList: func() List { return &corev1.ServiceList{} },
	},
	{
		GVK: policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), Stage: StageSupport, Owners: []string{AgencyPortal}, Merge: mergeBudget,
		New: func() Object { return &policyv1.PodDisruptionBudget{} }, NewList: func() List { return &policyv1.PodDisruptionBudgetList{} },
	},
	{
		GVK: corev1.SchemeGroupVersion.WithKind("ServiceAccount"), Stage: StageSupport, Owners: []string{AgencyPortal}, Merge: mergeAccount,
		New: func() Object { return &corev1.ServiceAccount{} }, NewList: func() List { return &corev1.ServiceAccountList{} },
	},
	{
		GVK: rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), Stage: StageSupport, Owners: []string{Agency, DataSharingLink}, Merge: mergeRoleBinding, Grants: true, Fixed: fixedOfRoleBinding, Revoke: true,
		New: func() Object { return &rbacv1.RoleBinding{} }, NewList: func() List { return &rbacv1.RoleBindingList{} },
	},
	{
		GVK: rbacv1.SchemeGroupVersion.WithKind("Role"), Stage: StageSupport, Owners: []string{DataSharingLink}, Merge: mergeRole, Grants: true,
		New: func() Object { return &rbacv1.Role{} }, NewList: func() List { return &rbacv1.RoleList{} },
	},
	{
		GVK: admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"), Stage: StageSupport, Owners: []string{SecurityPolicy, Settings}, Merge: mergeBinding,
		New: func() Object { return &admissionv1.ValidatingAdmissionPolicyBinding{} }, NewList: func() List { return &admissionv1.ValidatingAdmissionPolicyBindingList{} },
	},
	{
		GVK: admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"), Stage: StageGuard, Owners: []string{SecurityPolicy, Settings}, Merge: mergeAdmission,
		New: func() Object { return &admissionv1.ValidatingAdmissionPolicy{} }, NewList: func() List { return &admissionv1.ValidatingAdmissionPolicyList{} },
	},
	{
		GVK: corev1.SchemeGroupVersion.WithKind("LimitRange"), Stage: StageGuard, Owners: []string{Agency}, Merge: mergeLimitRange,
		New: func() Object { return &corev1.LimitRange{} }, NewList: func() List { return &corev1.LimitRangeList{} },
	},
	{
		GVK: corev1.SchemeGroupVersion.WithKind("ResourceQuota"), Stage: StageGuard, Owners: []string{Agency}, Merge: mergeResourceQuota, Fixed: fixedOfResourceQuota,
		New: func() Object { return &corev1.ResourceQuota{} }, NewList: func() List { return &corev1.ResourceQuotaList{} },
	},
	{
		GVK: networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), Stage: StageGuard, Owners: []string{Agency, AgencyPortal, DataSharingLink}, Merge: mergeNetworkPolicy,
		New: func() Object { return &networkingv1.NetworkPolicy{} }, NewList: func() List { return &networkingv1.NetworkPolicyList{} },
	},
	{
		GVK: corev1.SchemeGroupVersion.WithKind("Namespace"), Stage: StageNamespace, Owners: []string{Agency}, Merge: mergeNamespace,
		New: func() Object { return &corev1.Namespace{} }, NewList: func() List { return &corev1.NamespaceList{} },
	},
})

// ranked gives each row its place in the order of removal.
func ranked(rows []Row) []Row {
	for i := range rows {
		rows[i].Removal = i
	}
	return rows
}

func fixedOfDeployment(want, live Object) []string {
	w, ok1 := want.(*appsv1.Deployment)
	l, ok2 := live.(*appsv1.Deployment)
	return named("spec.selector", ok1 && ok2 && !equality.Semantic.DeepEqual(w.Spec.Selector, l.Spec.Selector))
}

// fixedOfService: the addresses are the API server's, except that a Service
// without any is another kind of Service.
func fixedOfService(want, live Object) []string {
	w, ok1 := want.(*corev1.Service)
	l, ok2 := live.(*corev1.Service)
	return named("spec.clusterIP", ok1 && ok2 && w.Spec.ClusterIP == "" && l.Spec.ClusterIP == corev1.ClusterIPNone)
}

func fixedOfRoleBinding(want, live Object) []string {
	w, ok1 := want.(*rbacv1.RoleBinding)
	l, ok2 := live.(*rbacv1.RoleBinding)
	return named("roleRef", ok1 && ok2 && w.RoleRef != l.RoleRef)
}

func fixedOfResourceQuota(want, live Object) []string {
	w, ok1 := want.(*corev1.ResourceQuota)
	l, ok2 := live.(*corev1.ResourceQuota)
	return named("spec.scopes", ok1 && ok2 && !equality.Semantic.DeepEqual(w.Spec.Scopes, l.Spec.Scopes))
}

func named(field string, differs bool) []string {
	if !differs {
		return nil
	}
	return []string{field}
}
