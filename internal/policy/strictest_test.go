package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestStrictest: the most protected label wins, in any order; nothing said is
// Internal, and a class that nobody knows is protected most.
func TestStrictest(t *testing.T) {
	type list = []v1alpha1.DataClassification
	for _, tt := range []struct {
		labels list
		want   v1alpha1.DataClassification
	}{
		{nil, v1alpha1.ClassificationInternal},
		{list{""}, v1alpha1.ClassificationInternal},
		{list{"Public"}, v1alpha1.ClassificationPublic},
		{list{"Public", ""}, v1alpha1.ClassificationInternal},
		{list{"Public", "Personal"}, v1alpha1.ClassificationPersonal},
		{list{"Personal", "Internal", "Public"}, v1alpha1.ClassificationPersonal},
		{list{"Public", "StateSecret", "Personal"}, v1alpha1.ClassificationStateSecret},
		{list{"Public", "Unheard"}, v1alpha1.ClassificationStateSecret},
	} {
		if got := Strictest(tt.labels...); got != tt.want {
			t.Errorf("Strictest(%v) = %s, want %s", tt.labels, got, tt.want)
		}
		slices.Reverse(tt.labels)
		if got := Strictest(tt.labels...); got != tt.want {
			t.Errorf("the order of %v decides: %s", tt.labels, got)
		}
	}
	f := SharingFloor{AuthorityApprovalFor: list{v1alpha1.ClassificationInternal}}
	if !f.NeedsAuthority(v1alpha1.ClassificationPersonal) || f.NeedsAuthority(v1alpha1.ClassificationPublic) {
		t.Error("what is asked for internal data is asked for personal data, and not for public data")
	}
}

// TestSeparate: every side needs a person of its own.
func TestSeparate(t *testing.T) {
	type side = []string
	for _, tt := range []struct {
		excluded []string
		sides    []side
		want     bool
	}{
		{nil, []side{{"a"}, {"b"}}, true},
		{nil, []side{{"a"}, {"a"}}, false},
		{nil, []side{{"a"}, {"A"}}, false},
		{nil, []side{{"tr\u1ea7n"}, {"TRa\u0302\u0300N"}}, false},
		{nil, []side{{"an"}, {"a\u200bn"}}, false},
		{nil, []side{{"a", "b"}, {"a"}}, true},
		{nil, []side{{"a"}, {"a", "b"}}, true},
		{side{"b"}, []side{{"a"}, {"a", "b"}}, false},
		{side{"c"}, []side{{"a", "b"}, {"a", "b"}}, true},
		{side{"a"}, []side{{"a"}}, false},
		{nil, []side{{}}, false},
	} {
		if got := Separate(tt.excluded, tt.sides...); got != tt.want {
			t.Errorf("Separate(%v, %v) = %v", tt.excluded, tt.sides, got)
		}
	}
}

func TestRepository(t *testing.T) {
	const want = "registry.example.gov.vn:5000/mof/tax"
	for _, image := range []string{want, want + ":v1", want + "@sha256:" + fmt.Sprintf("%064d", 1), want + ":v2@sha256:" + fmt.Sprintf("%064d", 2)} {
		if got := Repository(image); got != want {
			t.Errorf("Repository(%s) = %s", image, got)
		}
	}
	if Repository("not an image") != "not an image" {
		t.Error("what can't be parsed is another program")
	}
}

// anyPolicy makes a policy of random controls, zero, empty and absent values
// among them. It grants nothing: a granted direct route is a permission, and
// that is meant to loosen.
func anyPolicy(r *rand.Rand, name string) v1alpha1.SecurityPolicy {
	p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.Mode = []v1alpha1.PolicyMode{"", v1alpha1.ModeEnforce, v1alpha1.ModeAudit}[r.IntN(3)]
	if r.IntN(2) == 0 {
		c := &v1alpha1.DataSharingControl{RequireMutualTLS: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			c.MaxValidity = &metav1.Duration{Duration: time.Duration(r.IntN(5)-1) * time.Hour}
		}
		if r.IntN(2) == 0 {
			c.RequireAuthorityApprovalFor = classes[:r.IntN(len(classes))]
		}
		if r.IntN(3) == 0 {
			c.AllowDirectRoute = ptr.To(false)
		}
		p.Spec.DataSharing = c
	}
	if r.IntN(2) == 0 {
		p.Spec.Images = &v1alpha1.ImageControl{RequireDigest: r.IntN(2) == 0}
		switch r.IntN(3) {
		case 0:
			p.Spec.Images.AllowedRegistries = []v1alpha1.RegistryPrefix{}
		case 1:
			p.Spec.Images.AllowedRegistries = []v1alpha1.RegistryPrefix{"registry.example.gov.vn"}
		}
	}
	if r.IntN(2) == 0 {
		p.Spec.Resources = &v1alpha1.ResourceControl{RequireLimits: r.IntN(2) == 0, MaxCPU: resource.NewQuantity(int64(r.IntN(3)), resource.DecimalSI)}
	}
	if r.IntN(2) == 0 {
		p.Spec.Availability = &v1alpha1.AvailabilityControl{MinReplicas: int32(r.IntN(4))}
	}
	if r.IntN(2) == 0 {
		p.Spec.Network = &v1alpha1.NetworkControl{DenyInternetEgress: r.IntN(2) == 0}
	}
	if r.IntN(2) == 0 {
		p.Spec.Logging = &v1alpha1.LoggingControl{RetentionMonths: int32(r.IntN(4))}
	}
	p.Spec.PodSecurity = []v1alpha1.PodSecurityLevel{"", v1alpha1.PodSecurityBaseline, v1alpha1.PodSecurityRestricted}[r.IntN(3)]
	return p
}

// TestAddingAPolicyNeverLoosens: whatever policies there are, one more never
// allows what was not allowed before, and an audited one changes nothing.
// Without the mend of maxValidity (0 taken as no bound) it fails at once.
func TestAddingAPolicyNeverLoosens(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := Workload{MinReplicas: 2, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "registry.example.gov.vn/a/b:v1",
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}}}}},
		Policies: []*networkingv1.NetworkPolicy{{Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "198.51.100.0/24"}}}}}}}}}
	for range 1000 {
		var all []v1alpha1.SecurityPolicy
		for i := range r.IntN(4) {
			all = append(all, anyPolicy(r, fmt.Sprint("p", i)))
		}
		more := append(slices.Clone(all), anyPolicy(r, "q"))
		before, after := EffectiveSharingFloor(all, all), EffectiveSharingFloor(more, more)
		allows := func(f SharingFloor, d time.Duration) bool {
			return f.MaxValidity == nil || d <= *f.MaxValidity && *f.MaxValidity > 0
		}
		for _, d := range []time.Duration{0, time.Hour, 2 * time.Hour, 24 * time.Hour} {
			if allows(after, d) && !allows(before, d) {
				t.Fatalf("a term of %s is allowed by %+v and not by %+v", d, after, before)
			}
		}
		for _, c := range classes {
			if before.NeedsAuthority(c) && !after.NeedsAuthority(c) {
				t.Fatalf("the authority is asked no more for %s: %+v, %+v", c, before, after)
			}
		}
		if after.DirectAllowed && !before.DirectAllowed || before.MutualTLS && !after.MutualTLS {
			t.Fatalf("looser: %+v, %+v", before, after)
		}
		f, g := EffectiveFloor(all), EffectiveFloor(more)
		if g.MinReplicas < f.MinReplicas || g.RetentionMonths < f.RetentionMonths || f.DenyInternetEgress && !g.DenyInternetEgress || g.PodSecurity < f.PodSecurity || g.MinTLSVersion < f.MinTLSVersion {
			t.Fatalf("looser: %+v, %+v", f, g)
		}
		if a, b := Blocking(Evaluate(all, w)), Blocking(Evaluate(more, w)); len(b) < len(a) {
			t.Fatalf("fewer violations with one policy more: %v, %v", a, b)
		}
	}
}
