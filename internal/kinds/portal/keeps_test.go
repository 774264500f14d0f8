package portal

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// startedPortal is the input of a portal that has started with its spec.
func startedPortal(modify func(in *Input)) Input {
	spec := v1alpha1.AgencyPortalSpec{Image: "registry.example/x:1", Port: 8080, Replicas: v1alpha1.Replicas{Min: 1}, Exposure: v1alpha1.ExposureInternal}
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p", UID: "portal", Generation: 2}, Spec: spec}
	p.Status.LastCompliant = spec.DeepCopy()
	p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "p"}}
	in := Input{Settings: settings.Default(), Portal: p, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, NamespaceGuarded: true}
	modify(&in)
	return in
}

// withPlatform has the portal's specs log citizens in over a platform of some type;
// of none, the platform does not exist.
func withPlatform(kind v1alpha1.PlatformType, specs ...*v1alpha1.AgencyPortalSpec) func(in *Input) {
	return func(in *Input) {
		in.Platforms = map[string]ReferencedPlatform{}
		if kind != "" {
			in.Platforms["id"] = ReferencedPlatform{Name: "id", Platform: &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "id"}, Spec: v1alpha1.SharedPlatformSpec{Type: kind,
				Endpoint: v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.1/32"}, Port: 443}}}}}
		}
		if specs == nil {
			specs = []*v1alpha1.AgencyPortalSpec{&in.Portal.Spec, in.Portal.Status.LastCompliant}
		}
		for _, spec := range specs {
			spec.CitizenLogin, spec.PlatformRefs = true, []v1alpha1.PlatformReference{{Name: "id"}}
		}
	}
}

func emitsDeployment(out Output) bool {
	return slices.ContainsFunc(out.Objects, func(o object.Object) bool { _, is := o.(*appsv1.Deployment); return is })
}

// TestOwnDemandsStopNothing: what the operator itself demands of a portal, a platform
// of some type or one one-stop system in an agency, keeps a new spec from running,
// starts nothing and stops nothing; a standard stops what violates it all the same.
// Fails when a demand of the operator's own counts against the last compliant spec.
func TestOwnDemandsStopNothing(t *testing.T) {
	newest := func(in *Input) *v1alpha1.AgencyPortalSpec { return &in.Portal.Spec }
	edited := func(in *Input) { in.Portal.Spec.Image = "registry.example/x:2" }
	unstarted := func(in *Input) { in.Portal.Status.Inventory = nil }
	unknown := func(in *Input) { in.Portal.Status.LastCompliant = nil }
	oneStop := func(in *Input) {
		in.OneStopHolder, in.Portal.Spec.Components = "other", []v1alpha1.Component{v1alpha1.ComponentOneStop}
	}
	forbidden := func(in *Input) {
		in.Policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: v1alpha1.SecurityPolicySpec{Images: &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example"}}}}}
	}
	const runs, holds, stops = "runs", "holds", "stops"
	for name, tt := range map[string]struct {
		modify []func(*Input)
		want   string
		class  object.BlockerClass
	}{
		"the platform is of another type":        {[]func(*Input){withPlatform(v1alpha1.PlatformPayment)}, runs, object.Terminal},
		"of another type, and an edit":           {[]func(*Input){withPlatform(v1alpha1.PlatformPayment), edited}, runs, object.Terminal},
		"of another type, in an edit":            {[]func(*Input){func(in *Input) { withPlatform(v1alpha1.PlatformPayment, newest(in))(in) }}, runs, object.Terminal},
		"of another type, not started":           {[]func(*Input){withPlatform(v1alpha1.PlatformPayment), unstarted}, stops, object.Terminal},
		"of another type, what runs unknown":     {[]func(*Input){unknown, func(in *Input) { withPlatform(v1alpha1.PlatformPayment, newest(in))(in) }}, holds, object.Terminal},
		"the platform is gone":                   {[]func(*Input){withPlatform("")}, runs, object.Waiting},
		"a platform that comes later":            {[]func(*Input){func(in *Input) { withPlatform("", newest(in))(in) }}, runs, object.Waiting},
		"comes later, what runs unknown":         {[]func(*Input){unknown, func(in *Input) { withPlatform("", newest(in))(in) }}, holds, object.Waiting},
		"a second one-stop system":               {[]func(*Input){oneStop}, runs, object.Terminal},
		"two one-stop systems that run":          {[]func(*Input){oneStop, func(in *Input) { in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy() }}, runs, object.Terminal},
		"a second one-stop system, comes later":  {[]func(*Input){oneStop, func(in *Input) { withPlatform("", newest(in))(in) }}, runs, object.Terminal},
		"a standard forbids what runs":           {[]func(*Input){forbidden}, stops, object.Terminal},
		"a standard forbids it, of another type": {[]func(*Input){forbidden, withPlatform(v1alpha1.PlatformPayment)}, stops, object.Terminal},
		"a standard forbids it, unknown":         {[]func(*Input){unknown, forbidden, func(in *Input) { withPlatform("", newest(in))(in) }}, stops, object.Terminal},
	} {
		in := startedPortal(func(in *Input) {
			for _, m := range tt.modify {
				m(in)
			}
		})
		out := Decide(in)
		got := stops
		switch {
		case emitsDeployment(out) && out.Running == in.Portal.Status.LastCompliant:
			got = runs
		case out.Hold:
			got = holds
		}
		if got != tt.want || tt.want != stops && out.LastFailed {
			t.Errorf("%s: what ran %s (last failed: %t), want %s: %+v", name, got, out.LastFailed, tt.want, out.Blockers)
		}
		i := slices.IndexFunc(out.Blockers, func(b object.Blocker) bool { return b.Reason == v1alpha1.ReasonViolation })
		if i < 0 || out.Blockers[i].Class != tt.class {
			t.Errorf("%s: %+v, want a violation of class %v", name, out.Blockers, tt.class)
		}
	}
	if out := Decide(startedPortal(withPlatform(v1alpha1.PlatformIdentity))); out.Running == nil || len(out.Blockers) > 0 {
		t.Errorf("with the platform that it needs: %+v", out.Blockers)
	}
}

// TestKeptUnderAHold: while a namespace is not guarded nothing is replaced, and it is
// said all the same what keeps the newest spec from running, so that links rest on
// what runs.
// Fails when the operator's own demands are left out under a hold.
func TestKeptUnderAHold(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"a second one-stop system": func(in *Input) {
			in.OneStopHolder, in.Portal.Spec.Components = "other", []v1alpha1.Component{v1alpha1.ComponentOneStop}
		},
		"a platform that comes later": func(in *Input) { withPlatform("", &in.Portal.Spec)(in) },
	} {
		out := Decide(startedPortal(func(in *Input) { change(in); in.NamespaceGuarded = false }))
		if !out.Hold || out.LastFailed || !keptByOwn(out.Findings) || out.Blockers[0].Reason != v1alpha1.ReasonAgencyNotReady {
			t.Errorf("%s: hold %t, findings %+v, blockers %+v", name, out.Hold, out.Findings, out.Blockers)
		}
	}
}

// TestStandardsOfWhatRuns: while an edit is kept, the policies that select what runs
// are named too, with what they report of it, and the level is the higher one. So the
// policy counts the portal, and is not deleted as if nobody rested on it.
// Fails when the newest spec alone is looked at.
func TestStandardsOfWhatRuns(t *testing.T) {
	selects := func(name string, mode v1alpha1.PolicyMode, level v1alpha1.SecurityLevel) v1alpha1.SecurityPolicy {
		return v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SecurityPolicySpec{Mode: mode,
			Selector: v1alpha1.PolicySelector{SecurityLevels: []v1alpha1.SecurityLevel{level}}, Images: &v1alpha1.ImageControl{RequireDigest: true}}}
	}
	for _, guarded := range []bool{true, false} {
		in := startedPortal(func(in *Input) {
			in.Portal.Status.LastCompliant.Scope = v1alpha1.ScopeNational
			in.Portal.Status.LastCompliant.Image = "registry.example/x@sha256:" + kindtest.Digest64
			in.Portal.Spec.Image = "registry.example/x:2"
			in.NamespaceGuarded = guarded
			audit := selects("reports", v1alpha1.ModeAudit, 4)
			audit.Spec.Images, audit.Spec.Availability = nil, &v1alpha1.AvailabilityControl{MinReplicas: 3}
			in.Policies = []v1alpha1.SecurityPolicy{selects("holds", v1alpha1.ModeEnforce, 4), audit, selects("refuses", v1alpha1.ModeEnforce, 1)}
		})
		out := Decide(in)
		if want := []string{"refuses", "holds", "reports"}; !slices.Equal(out.Policies, want) || out.Level != 4 {
			t.Errorf("guarded %t: policies %q, want %q; level %d, want 4", guarded, out.Policies, want, out.Level)
		}
		if !slices.ContainsFunc(out.Findings, func(f v1alpha1.PolicyFinding) bool { return f.Policy == "reports" }) || len(policy.Blocking(out.Findings)) != 1 {
			t.Errorf("guarded %t: findings %+v", guarded, out.Findings)
		}
	}
}
