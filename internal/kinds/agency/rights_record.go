package agency

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// NewAgency reports whether an agency has never had a namespace, a record of
// rights, or anything else that an earlier round would have left: ns is the
// namespace of its name.
func NewAgency(a *v1alpha1.Agency, ns *corev1.Namespace) bool {
	return ns == nil && a.Status.Namespace == "" && a.Status.Rights == nil
}

// AwaitRights holds back a new agency's namespace until its stored status records
// who has rights in it. The record is made while the namespace holds nothing, so
// that what comes into it meanwhile, and an operator that dies, change nothing
// about who was there from the beginning.
func AwaitRights(in Input, out Output) Output {
	if len(out.Objects) == 0 || !NewAgency(in.Agency, in.Namespace) {
		return out
	}
	out.Objects, out.Recording = nil, true
	return out
}
