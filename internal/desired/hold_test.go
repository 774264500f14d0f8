package desired

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

const digest64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// randomSpec returns one of many standards over few values, so that two of them
// often differ in one demand, and a portal often meets one of two.
func randomSpec(r *rand.Rand) v1alpha1.SecurityPolicySpec {
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

func randomPolicies(r *rand.Rand) []v1alpha1.SecurityPolicy {
	var out []v1alpha1.SecurityPolicy
	for i := range 1 + r.IntN(3) {
		p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i), Generation: 1}, Spec: randomSpec(r)}
		switch r.IntN(3) {
		case 0:
			p.Status.InForce = p.Spec.DeepCopy()
		case 1:
			spec := randomSpec(r)
			p.Status.InForce = &spec
		}
		if policy.Pending(&p) && r.IntN(3) > 0 {
			p.Status.Impact = &v1alpha1.PolicyImpact{}
		}
		out = append(out, p)
	}
	return out
}

// only returns the policies with one of their two specs in force and no other.
func only(policies []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy {
	out := slices.Clone(policies)
	for i := range out {
		out[i].Status.InForce, out[i].Status.Impact = out[i].Spec.DeepCopy(), nil
	}
	return out
}

// randomObjects are an agency and a portal of it.
func randomObjects(r *rand.Rand) (*v1alpha1.Agency, *v1alpha1.AgencyPortal) {
	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "agency"}}
	spec := v1alpha1.AgencyPortalSpec{DisplayName: "p", Port: 8080, Exposure: v1alpha1.ExposureInternal, Replicas: v1alpha1.Replicas{Min: int32(1 + r.IntN(3))},
		Image: []string{"one.example/x:1", "two.example/x:1", "one.example/x@sha256:" + digest64}[r.IntN(3)]}
	return agency, &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: "p", UID: "portal"}, Spec: spec}
}

func randomPortal(r *rand.Rand, policies []v1alpha1.SecurityPolicy) PortalInput {
	agency, portal := randomObjects(r)
	return PortalInput{Settings: settings.Default(), Agency: agency, NamespaceGuarded: true, Policies: policies, Portal: portal}
}

// randomInput is the same for the impact of policies.
func randomInput(r *rand.Rand, policies []v1alpha1.SecurityPolicy) PortalInput {
	agency, portal := randomObjects(r)
	return PortalInput{Settings: settings.Default(), Agency: agency, NamespaceGuarded: true, Policies: policies, Portal: portal}
}

// TestHeldIsNeverLooser: what is new runs only if both the specs in force and the
// newest specs let it run; what runs goes on exactly while the specs in force
// let it. Evaluating the newest specs alone for what is new fails this test, and
// so does evaluating them for what runs.
func TestHeldIsNeverLooser(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	refused, kept, noted := 0, 0, 0
	for i := range 4000 {
		policies := randomPolicies(r)
		in := randomPortal(r, policies)
		with := func(p []v1alpha1.SecurityPolicy) bool {
			one := in
			one.Policies = only(p)
			one.Portal = in.Portal.DeepCopy()
			one.Portal.Status.LastCompliant = nil
			return AgencyPortal(one).Running != nil
		}
		inForce, newest := with(policy.InForce(policies)), with(policies)
		out := AgencyPortal(in)
		if out.Running != nil && (!inForce || !newest) {
			t.Fatalf("%d: a new portal runs; in force allows it: %v, the newest: %v", i, inForce, newest)
		}
		if out.Running == nil {
			refused++
		}
		in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
		out = AgencyPortal(in)
		if (out.Running != nil) != inForce {
			t.Fatalf("%d: what runs goes on: %v; in force allows it: %v", i, out.Running != nil, inForce)
		}
		if out.Running != nil && !newest {
			kept++
		}
		for _, f := range out.Findings {
			if f.Mode == v1alpha1.ModeHeld {
				noted++
				held := policies[slices.IndexFunc(policies, func(p v1alpha1.SecurityPolicy) bool { return p.Name == f.Policy })]
				if with(policy.InForce(policy.Accept(policies, &held))) {
					t.Fatalf("%d: a held finding %+v, though the portal would run on", i, f)
				}
			}
		}
		if diff := cmp.Diff(slices.Compact(slices.Clone(out.Policies)), out.Policies); diff != "" {
			t.Fatalf("%d: policies are named twice: %v", i, out.Policies)
		}
	}
	if refused < 100 || kept < 100 || noted < 100 {
		t.Errorf("too few cases: %d refused, %d kept, %d noted", refused, kept, noted)
	}
}

// TestStartedUnderHeldStandardStaysSo: a portal that starts while a standard is
// held is written the same way when it is the one that runs.
func TestStartedUnderHeldStandardStaysSo(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	compared := 0
	for i := range 2000 {
		in := randomPortal(r, randomPolicies(r))
		first := AgencyPortal(in)
		if first.Running == nil {
			continue
		}
		in.Portal.Status.LastCompliant = in.Portal.Spec.DeepCopy()
		in.Deployment = deploymentIn(first.Objects)
		compared++
		if diff := cmp.Diff(first.Objects, AgencyPortal(in).Objects); diff != "" {
			t.Fatalf("%d: written anew in the next round (-first +second):\n%s", i, diff)
		}
	}
	if compared < 200 {
		t.Errorf("only %d portals ran", compared)
	}
}

// TestHeldPermissionOpensNothing: a link that is not open needs the permission of
// the spec in force and of the newest; an open one that of the spec in force.
func TestHeldPermissionOpensNothing(t *testing.T) {
	permit := func(v *bool) *v1alpha1.SecurityPolicySpec {
		return &v1alpha1.SecurityPolicySpec{Mode: v1alpha1.ModeEnforce, DataSharing: &v1alpha1.DataSharingControl{AllowDirectRoute: v}}
	}
	tests := []struct {
		name            string
		inForce, newest *v1alpha1.SecurityPolicySpec
		closed, open    bool
	}{
		{"both", permit(ptr.To(true)), permit(ptr.To(true)), true, true},
		{"in force only", permit(ptr.To(true)), permit(nil), false, true},
		{"in force, the newest denies", permit(ptr.To(true)), permit(ptr.To(false)), false, true},
		{"the newest only", permit(nil), permit(ptr.To(true)), false, false},
		{"nothing in force", nil, permit(ptr.To(true)), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := linkInput()
			in.Policies = []v1alpha1.SecurityPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 3}, Spec: *tt.newest}}
			in.Policies[0].Status.InForce = tt.inForce
			if got := sharingFloor(in).DirectAllowed; got != tt.closed {
				t.Errorf("a link that is not open may be direct: %v", got)
			}
			in.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}}
			in.Link.Status.ObservedGeneration = in.Link.Generation
			if got := sharingFloor(in).DirectAllowed; got != tt.open {
				t.Errorf("an open link may be direct: %v", got)
			}
		})
	}
}

// deploymentIn returns the first Deployment among objects.
func deploymentIn(objects []Object) *appsv1.Deployment {
	for _, o := range objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			return d
		}
	}
	return nil
}

// isolatedAnew reports whether pods from before could not be made again after.
func isolatedAnew(before, after PortalOutput) bool {
	want, got := deploymentIn(after.Objects).Spec.Template.Spec.RuntimeClassName, deploymentIn(before.Objects).Spec.Template.Spec.RuntimeClassName
	return want != nil && (got == nil || *got != *want)
}

// TestHeldIsolationIsNotWritten: a runtime class and a node pool that are held, or
// not looked at yet, are not written into what runs, since there may be none of
// that name; they are the policy's impact. Without startedUnder the class is in
// the Deployment, and without policy.Isolation nothing is held.
func TestHeldIsolationIsNotWritten(t *testing.T) {
	for _, c := range []v1alpha1.IsolationControl{{RuntimeClassName: "kata-typo"}, {NodePool: "pool-typo"}} {
		p := v1alpha1.SecurityPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 1}, Spec: v1alpha1.SecurityPolicySpec{Isolation: &c}}
		in := randomInput(rand.New(rand.NewPCG(7, 4)), nil)
		before := deploymentIn(AgencyPortal(in).Objects)
		in.Deployment, in.Portal.Status.LastCompliant = before, in.Portal.Spec.DeepCopy()
		impact := ImpactOf(ImpactInput{Policy: &p, Policies: []v1alpha1.SecurityPolicy{p}, Portals: []PortalInput{in}, Running: 1})
		if impact.Portals != 1 || len(impact.Stops) != 1 {
			t.Errorf("%+v: the impact is %+v, want the portal", c, impact)
		}
		in.Policies = []v1alpha1.SecurityPolicy{p}
		if diff := cmp.Diff(before, deploymentIn(AgencyPortal(in).Objects)); diff != "" {
			t.Errorf("%+v: written while it is not in force (-before +after):\n%s", c, diff)
		}
		in.Policies = only(in.Policies)
		if cmp.Equal(before, deploymentIn(AgencyPortal(in).Objects)) {
			t.Errorf("%+v: not written although it is in force", c)
		}
		in.Policies[0].Spec.Mode = v1alpha1.ModeAudit
		if impact := ImpactOf(ImpactInput{Policy: &in.Policies[0], Portals: []PortalInput{in}, Running: 1}); impact.Portals != 0 {
			t.Errorf("%+v: audited, the impact is %+v", c, impact)
		}
	}
}

// TestImpactIsWhatWouldStop: the impact of a change names exactly the portals
// that run before and not after it, and those whose pods are isolated anew.
func TestImpactIsWhatWouldStop(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	stopped := 0
	for i := range 1500 {
		policies := randomPolicies(r)
		changed := policies[r.IntN(len(policies))]
		changed.Spec, changed.Status.Impact = randomSpec(r), nil
		in := ImpactInput{Policy: &changed, Policies: policies}
		want := 0
		for range 5 {
			p := randomInput(r, policies)
			p.Portal.Name = fmt.Sprintf("p%d", len(in.Portals))
			p.Portal.Status.LastCompliant = p.Portal.Spec.DeepCopy()
			in.Portals = append(in.Portals, p)
			runs := AgencyPortal(p).Running != nil
			p.Policies = only(policy.InForce(policies))
			before := AgencyPortal(p)
			p.Policies = only(policy.InForce(policy.Accept(policies, &changed)))
			after := AgencyPortal(p)
			if runs && (after.Running == nil || isolatedAnew(before, after)) {
				want++
			}
		}
		got := ImpactOf(in)
		if got.Portals != want || len(got.Stops) != want {
			t.Fatalf("%d: the impact names %d portals, %d stop", i, got.Portals, want)
		}
		stopped += want
	}
	if stopped < 200 {
		t.Errorf("only %d portals stopped", stopped)
	}
}

// TestImpactOnLinks: every demand on links that a change makes is counted.
func TestImpactOnLinks(t *testing.T) {
	open := openDirect()
	open.Link.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "NetworkPolicy", Name: "x"}}
	open.Link.Status.ObservedGeneration = open.Link.Generation
	allow := ptr.To(true)
	tests := []struct {
		name    string
		change  v1alpha1.DataSharingControl
		control string
	}{
		{"nothing", v1alpha1.DataSharingControl{AllowDirectRoute: allow}, ""},
		{"a longer term", v1alpha1.DataSharingControl{AllowDirectRoute: allow, MaxValidity: &metav1.Duration{Duration: 1000 * time.Hour}}, ""},
		{"a shorter term", v1alpha1.DataSharingControl{AllowDirectRoute: allow, MaxValidity: &metav1.Duration{Duration: time.Minute}}, "dataSharing.maxValidity"},
		{"no direct route", v1alpha1.DataSharingControl{}, "dataSharing.allowDirectRoute"},
		{"the authority's approval", v1alpha1.DataSharingControl{AllowDirectRoute: allow, RequireAuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationInternal}}, "dataSharing.requireAuthorityApprovalFor"},
		{"the dataset's owner", v1alpha1.DataSharingControl{AllowDirectRoute: allow, DatasetOwners: []v1alpha1.DatasetOwner{{Dataset: "d", Agency: "third"}}}, "dataSharing.datasetOwners"},
		{"the dataset's owner as it is", v1alpha1.DataSharingControl{AllowDirectRoute: allow, DatasetOwners: []v1alpha1.DatasetOwner{{Dataset: "d", Agency: "giver"}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policies := slices.Clone(open.Policies)
			policies[0].Status.InForce = policies[0].Spec.DeepCopy()
			changed := policies[0]
			changed.Spec.DataSharing = &tt.change
			in := ImpactInput{Policy: &changed, Policies: policies, Links: []LinkInput{open}, Running: 3}
			got := ImpactOf(in)
			if tt.control == "" {
				if len(got.Stops) > 0 {
					t.Errorf("the link would close: %+v", got.Stops)
				}
				return
			}
			if got.Links != 1 || len(got.Stops) != 1 || got.Stops[0].Control != tt.control || got.Stops[0].Name != "wants" || got.Consequent != 0 || !NeedsLinks(&in) {
				t.Errorf("impact is %+v, want %s", got, tt.control)
			}
		})
	}
}
