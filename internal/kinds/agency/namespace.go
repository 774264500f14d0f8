package agency

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// DefaultDeny is the network policy that denies every pod of an agency's namespace
// everything that no other one allows.
const DefaultDeny = "default-deny"

// Namespace is the tenancy unit: one per agency, held to the restricted Pod
// Security Standard of a pinned version.
func Namespace(s object.Scope, in Input) *corev1.Namespace {
	m := s.Meta(names.Namespace(in.Agency.Name))
	for _, mode := range []string{"enforce", "audit", "warn"} {
		m.Labels["pod-security.kubernetes.io/"+mode] = "restricted"
		m.Labels["pod-security.kubernetes.io/"+mode+"-version"] = in.Settings.PodSecurityVersion
	}
	m.Annotations = map[string]string{names.AnnotationDisplayName: string(in.Agency.Spec.DisplayName)}
	if in.HeldPersonalData {
		m.Annotations[names.AnnotationPersonalData] = personalDataHeld
	}
	return &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: m}
}

const personalDataHeld = "held"

// sawPersonalData reports whether personal data was ever seen in a namespace.
// What is deleted leaves Secrets and volumes behind, so it counts until the
// namespace goes.
func sawPersonalData(ns *corev1.Namespace) bool {
	return ns != nil && ns.Annotations[names.AnnotationPersonalData] != ""
}
