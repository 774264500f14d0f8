package portal

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	agencykind "github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/settings"
)

// unrecorded is a portal that runs and whose last compliant spec is not recorded.
func unrecorded() Input {
	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "agency"}}
	spec := v1alpha1.AgencyPortalSpec{DisplayName: "p", Port: 8080, Exposure: v1alpha1.ExposureInternal, Replicas: v1alpha1.Replicas{Min: 2}, Image: "one.example/x:1"}
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p", UID: "portal", Generation: 1}, Spec: spec}
	p.Status.URL = "http://p.agency-a.svc:8080"
	in := Input{Settings: settings.Default(), Agency: agency, NamespaceGuarded: true, Portal: p, Policies: []v1alpha1.SecurityPolicy{kindtest.Allows("one.example")}}
	roll(&in)
	return in
}

// roll observes what would be written as rolled out.
func roll(in *Input) {
	for _, o := range Decide(*in).Objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			in.Deployment = d.DeepCopy()
			in.Deployment.Generation, in.Deployment.Status = 1, appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2, ReadyReplicas: 2}
		}
	}
}

// TestUnrecordedSpecStopsNothing: what runs of a portal is held, and not removed, for
// want of a last compliant spec; it goes when a standard in force forbids what is
// observed, and only the portal's own is held.
// Fails when a last compliant spec that is missing counts as one that failed.
func TestUnrecordedSpecStopsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		change     func(*Input)
		runs, held bool
	}{
		"complies":              {func(*Input) {}, true, false},
		"an edit that violates": {func(in *Input) { in.Portal.Spec.Image = "three.example/x:1" }, false, true},
		"an edit that violates, suspended": {func(in *Input) {
			in.Portal.Spec.Image, in.Agency.Spec.Suspended = "three.example/x:1", true
			in.Deployment.Spec.Replicas = ptr.To(int32(0))
		}, false, true},
		"a held standard": {func(in *Input) {
			in.Policies[0].Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"two.example"}}
			in.Policies[0].Status.Impact = &v1alpha1.PolicyImpact{Portals: 50}
		}, false, true},
		"a standard in force against it": {func(in *Input) { in.Policies[0] = kindtest.Allows("two.example") }, false, false},
		"pods that nobody judged": {func(in *Input) {
			in.Portal.Spec.Image = "three.example/x:1"
			in.Deployment.Spec.Template.Spec.Containers[0].Image = "two.example/x:1"
		}, false, false},
		"pods of no known level": {func(in *Input) {
			in.Portal.Spec.Image, in.Deployment.Spec.Template.Labels = "three.example/x:1", nil
		}, false, false},
		"somebody else's Deployment": {func(in *Input) {
			in.Portal.Spec.Image, in.Deployment.Labels, in.Deployment.OwnerReferences = "three.example/x:1", nil, nil
		}, false, false},
		"a Deployment that goes": {func(in *Input) {
			in.Portal.Spec.Image, in.Deployment.DeletionTimestamp = "three.example/x:1", &metav1.Time{}
		}, false, false},
		"nothing runs": {func(in *Input) { in.Portal.Spec.Image, in.Deployment = "three.example/x:1", nil }, false, false},
	} {
		in := unrecorded()
		tt.change(&in)
		out := Decide(in)
		if out.Running != nil != tt.runs || out.Hold != tt.held || out.Unrecorded != tt.held || out.LastFailed == (tt.runs || tt.held) {
			t.Errorf("%s: running %v, hold %v, unrecorded %v, last failed %v", name, out.Running != nil, out.Hold, out.Unrecorded, out.LastFailed)
		}
		if guard := out.Objects; len(guard) == 0 || guard[0].GetName() != "p-deny" {
			t.Errorf("%s: the guard is not among %d objects", name, len(guard))
		}
	}
}

// TestUnrecordedReplacementEnds: a new program that is rolled out is no replacement
// any more, although nobody could record its spec.
// Fails when only a recorded spec ends it.
func TestUnrecordedReplacementEnds(t *testing.T) {
	in := unrecorded()
	in.Portal.Spec.Image = "one.example/y:1"
	out := Decide(in)
	if out.Replacing == nil || !out.Recording {
		t.Fatalf("a new program: replacing %v, recording %v", out.Replacing, out.Recording)
	}
	in.Portal.Status.Replacing = out.Replacing
	if out = Decide(in); out.Replacing == nil || out.Recording || out.Running == nil {
		t.Fatalf("recorded: replacing %v, recording %v, running %v", out.Replacing, out.Recording, out.Running != nil)
	}
	roll(&in)
	in.Deployment.Status.UpdatedReplicas = 1
	if out = Decide(in); out.Replacing == nil {
		t.Error("half rolled out, it is no replacement any more")
	}
	in.Deployment.Status.UpdatedReplicas = 2
	if out = Decide(in); out.Replacing != nil {
		t.Errorf("rolled out, it is still replacing %v", out.Replacing)
	}
}

// TestHoldWithdraws: what runs loses the way to a platform that nobody gives to it any
// more under every hold, whether its spec is recorded or not, and none that an edit
// leaves out.
// Fails when a hold closes nothing, or when only the newest spec says which ways there are.
func TestHoldWithdraws(t *testing.T) {
	holds := map[string]func(*Input){
		"unrecorded": func(in *Input) { in.Portal.Spec.Image = "three.example/x:1" },
		"unguarded":  func(in *Input) { in.NamespaceGuarded = false },
		"orphaned":   func(in *Input) { in.Agency, in.NamespaceOrphaned = nil, true },
		"unguarded and recorded, and an edit leaves it out": func(in *Input) {
			in.NamespaceGuarded = false
			in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
			in.Portal.Spec.PlatformRefs = nil
		},
	}
	// Without a record nobody knows what runs, so what there is counts.
	holds["unrecorded, and an edit leaves it out"] = func(in *Input) {
		pay := names.Platform("agency-a", "p", "pay")
		in.NetworkPolicies = []string{"p-base", "p-deny", pay + "-egress", pay + "-ingress"}
		in.Portal.Spec.Image, in.Portal.Spec.PlatformRefs = "three.example/x:1", nil
	}
	id := names.Platform("agency-a", "p", "pay")
	for block, given := range map[v1alpha1.CIDR]int{"192.0.2.7/32": 1, "198.51.100.7/32": 0} {
		for name, hold := range holds {
			in := unrecorded()
			pay := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "pay", UID: "pay"}, Spec: v1alpha1.SharedPlatformSpec{Type: v1alpha1.PlatformPayment,
				Endpoint: v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{block}, Port: 443}}}}
			in.Platforms = map[string]ReferencedPlatform{"pay": {Name: "pay", Platform: pay}}
			in.Portal.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "pay"}}
			hold(&in)
			out := Decide(in)
			wanted := given
			if in.Portal.Status.LastCompliant == nil && len(in.Portal.Spec.PlatformRefs) == 0 {
				wanted = 0
			}
			if !out.Hold || !slices.Equal(out.Ways, []string{id + "-egress", id + "-ingress"}) || len(out.Given) != wanted {
				t.Errorf("%s, block %s: hold %v, ways %v, %d given", name, block, out.Hold, out.Ways, len(out.Given))
			}
		}
	}
}

// TestOnePodSecurityVersion: what runs is judged by the version that the label of its
// namespace has. Fails with bySettings without PodSecurityVersion, or with the newest one.
func TestOnePodSecurityVersion(t *testing.T) {
	// Capabilities are to be dropped as of version 1.22.
	for version, runs := range map[string]bool{"v1.21": true, "v1.22": false} {
		in := unrecorded()
		in.Settings.PodSecurityVersion = version
		in.Policies[0].Spec.PodSecurity = v1alpha1.PodSecurityRestricted
		in.Policies[0].Status.InForce.PodSecurity = v1alpha1.PodSecurityRestricted
		in.Portal.Spec.Image = "three.example/x:1"
		in.Deployment.Spec.Template.Spec.Containers[0].SecurityContext.Capabilities = nil
		if got := Decide(in).Hold; got != runs {
			t.Errorf("version %s: what runs stays: %v, want %v", version, got, runs)
		}
		ns := agencykind.Namespace(object.Scope{Owner: names.OwnerOf("Agency", in.Agency)}, agencykind.Input{Settings: in.Settings, Agency: in.Agency})
		if got := ns.Labels["pod-security.kubernetes.io/enforce-version"]; got != version {
			t.Errorf("the namespace is held to version %s, want %s", got, version)
		}
	}
}
