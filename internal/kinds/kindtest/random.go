package kindtest

import (
	"fmt"
	rand "math/rand/v2"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Digest64 is a SHA-256 digest in hexadecimal.
const Digest64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// RandomSpec returns one of many standards over few values, so that two of them
// often differ in one demand, and a portal often meets one of two.
func RandomSpec(r *rand.Rand) v1alpha1.SecurityPolicySpec {
	some := func() bool { return r.IntN(2) == 0 }
	s := v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce}
	if r.IntN(5) == 0 {
		s.Mode = v1alpha1.ModeAudit
	}
	if some() {
		s.Selector.Agencies = []v1alpha1.AgencyName{[]v1alpha1.AgencyName{"a", "b"}[r.IntN(2)]}
	}
	if some() {
		s.Images = &v1alpha1.ImageControl{RequireDigest: some(), AllowedRegistries: [][]v1alpha1.RegistryPrefix{nil, {"one.example"}, {"two.example"}, {"one.example", "two.example"}}[r.IntN(4)]}
	}
	if some() {
		s.Availability = &v1alpha1.AvailabilityControl{MinReplicas: int32(r.IntN(4))}
	}
	if some() {
		s.Isolation = &v1alpha1.IsolationControl{RuntimeClassName: []string{"", "runc", "gvisor"}[r.IntN(3)]}
	}
	if some() {
		s.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: []*bool{nil, ptr.To(true), ptr.To(true), ptr.To(false)}[r.IntN(4)]}
	}
	return s
}

// RandomPolicies are one to three policies, some of them held.
func RandomPolicies(r *rand.Rand) []v1alpha1.SecurityPolicy {
	var out []v1alpha1.SecurityPolicy
	for i := range 1 + r.IntN(3) {
		p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i), Generation: 1}, Spec: RandomSpec(r)}
		switch r.IntN(3) {
		case 0:
			p.Status.InForce = p.Spec.DeepCopy()
		case 1:
			spec := RandomSpec(r)
			p.Status.InForce = &spec
		}
		if policy.Pending(&p) && r.IntN(3) > 0 {
			p.Status.Impact = &v1alpha1.PolicyImpact{}
		}
		out = append(out, p)
	}
	return out
}

// InForceOnly returns the policies with one of their two specs in force and no other.
func InForceOnly(policies []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	out := slices.Clone(policies)
	for i := range out {
		out[i].Status.InForce, out[i].Status.Impact = out[i].Spec.DeepCopy(), nil
	}
	return out
}

// RandomObjects are an agency and a portal of it.
func RandomObjects(r *rand.Rand) (*v1alpha1.Agency, *v1alpha1.AgencyPortal) {
	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "agency"}}
	spec := v1alpha1.AgencyPortalSpec{DisplayName: "p", Port: 8080, Exposure: v1alpha1.ExposureInternal, Replicas: v1alpha1.Replicas{Min: int32(1 + r.IntN(3))},
		Image: []string{"one.example/x:1", "two.example/x:1", "one.example/x@sha256:" + Digest64}[r.IntN(3)]}
	return agency, &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p", UID: "portal"}, Spec: spec}
}

// DeploymentIn returns the first Deployment among objects.
func DeploymentIn(objects []object.Object) *appsv1.Deployment {
	for _, o := range objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			return d
		}
	}
	return nil
}

// Allows is a standard in force that allows images of one registry.
func Allows(registry v1alpha1.RegistryPrefix) v1alpha1.SecurityPolicy {
	p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "s", Generation: 2}, Spec: v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{registry}}}}
	p.Status.InForce = p.Spec.DeepCopy()
	return p
}
