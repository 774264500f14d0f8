package securitypolicy

import (
	"fmt"
	rand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	linkkind "github.com/govplatform/govplatform/internal/kinds/link"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// randomInput is the same for the impact of policies.
func randomInput(r *rand.Rand, policies []v1alpha1.SecurityPolicy) portalkind.Input {
	agency, portal := kindtest.RandomObjects(r)
	return portalkind.Input{Settings: settings.Default(), Agency: agency, NamespaceGuarded: true, Policies: policies, Portal: portal}
}

// isolatedAnew reports whether pods from before could not be made again after.
func isolatedAnew(before, after portalkind.Output) bool {
	want, got := kindtest.DeploymentIn(after.Objects).Spec.Template.Spec.RuntimeClassName, kindtest.DeploymentIn(before.Objects).Spec.Template.Spec.RuntimeClassName
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
		before := kindtest.DeploymentIn(portalkind.Decide(in).Objects)
		in.Deployment, in.Portal.Status.LastCompliant = before, in.Portal.Spec.DeepCopy()
		impact := impactOf(ImpactInput{Policy: &p, Policies: []v1alpha1.SecurityPolicy{p}, Portals: []portalkind.Input{in}, Running: 1})
		if impact.Portals != 1 || len(impact.Stops) != 1 {
			t.Errorf("%+v: the impact is %+v, want the portal", c, impact)
		}
		in.Policies = []v1alpha1.SecurityPolicy{p}
		if diff := cmp.Diff(before, kindtest.DeploymentIn(portalkind.Decide(in).Objects)); diff != "" {
			t.Errorf("%+v: written while it is not in force (-before +after):\n%s", c, diff)
		}
		in.Policies = kindtest.InForceOnly(in.Policies)
		if cmp.Equal(before, kindtest.DeploymentIn(portalkind.Decide(in).Objects)) {
			t.Errorf("%+v: not written although it is in force", c)
		}
		in.Policies[0].Spec.Mode = v1alpha1.ModeAudit
		if impact := impactOf(ImpactInput{Policy: &in.Policies[0], Portals: []portalkind.Input{in}, Running: 1}); impact.Portals != 0 {
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
		policies := kindtest.RandomPolicies(r)
		changed := policies[r.IntN(len(policies))]
		changed.Spec, changed.Status.Impact = kindtest.RandomSpec(r), nil
		in := ImpactInput{Policy: &changed, Policies: policies}
		want := 0
		for range 5 {
			p := randomInput(r, policies)
			p.Portal.Name = fmt.Sprintf("p%d", len(in.Portals))
			p.Portal.Status.LastCompliant = p.Portal.Spec.DeepCopy()
			in.Portals = append(in.Portals, p)
			runs := portalkind.Decide(p).Running != nil
			p.Policies = kindtest.InForceOnly(policy.InForce(policies))
			before := portalkind.Decide(p)
			p.Policies = kindtest.InForceOnly(policy.InForce(policy.Accept(policies, &changed)))
			after := portalkind.Decide(p)
			if runs && (after.Running == nil || isolatedAnew(before, after)) {
				want++
			}
		}
		got := impactOf(in)
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
			in := ImpactInput{Policy: &changed, Policies: policies, Links: []linkkind.Input{open}, Running: 3}
			got := impactOf(in)
			if tt.control == "" {
				if len(got.Stops) > 0 {
					t.Errorf("the link would close: %+v", got.Stops)
				}
				return
			}
			if got.Links != 1 || len(got.Stops) != 1 || got.Stops[0].Control != tt.control || got.Stops[0].Name != "wants" || got.Consequent != 0 || !needsLinks(&in) {
				t.Errorf("impact is %+v, want %s", got, tt.control)
			}
		})
	}
}

// openDirect is a direct link that the provider has approved.
func openDirect() linkkind.Input {
	link, service, policies := kindtest.LinkObjects()
	in := linkkind.Input{Settings: settings.Default(), Now: kindtest.Noon, Link: link, Service: service, Policies: policies}
	in.Consumer.Agency, in.Consumer.Portal = kindtest.EndObjects("asker", "asks", 8080)
	in.Provider.Agency, in.Provider.Portal = kindtest.EndObjects("giver", "serves", 8443)
	scope, _ := linkkind.ScopeOf(in)
	in.Approvals = []v1alpha1.DataSharingApproval{kindtest.ApprovalOf("agency-giver", "a0", linkkind.HashScope(scope), v1alpha1.DecisionApprove)}
	return in
}

// TestUnrecordedPortalsCount: a standard that would stop what runs without a record
// counts it.
// Fails when only recorded specs are looked at.
func TestUnrecordedPortalsCount(t *testing.T) {
	in := randomInput(rand.New(rand.NewPCG(7, 5)), []v1alpha1.SecurityPolicy{kindtest.Allows("one.example")})
	in.Portal.Spec.Image, in.Portal.Status.URL = "one.example/x:1", "http://p.agency-a.svc:8080"
	strict := kindtest.Allows("two.example")
	strict.Name, strict.Status.InForce = "strict", nil
	impact := impactOf(ImpactInput{Policy: &strict, Policies: append(slices.Clone(in.Policies), strict), Portals: []portalkind.Input{in}, Running: 1})
	if impact.Portals != 1 {
		t.Errorf("it would stop %d portals", impact.Portals)
	}
	in.Portal.Status.URL = ""
	if object.RunningSpec(in.Portal) != nil {
		t.Error("what does not run has a running spec")
	}
}
