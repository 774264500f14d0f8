package threats

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	byStandardDeletion = "govplatform-standard-deletion"
	byPlatformChange   = "govplatform-platform-change"
)

// rootUser may do everything and is no member of system:masters.
func rootUser(t *testing.T, name string) client.Client {
	t.Helper()
	env.Create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}})
	root := as(t, name, "system:authenticated")
	harness.Eventually(t, func() error { return root.List(t.Context(), &v1alpha1.SharedPlatformList{}) })
	return root
}

func externalPlatform(name string) *v1alpha1.SharedPlatform {
	return &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "a14", Type: v1alpha1.PlatformIdentity, OwnerRef: v1alpha1.AgencyReference{Name: v1alpha1.AgencyName(name)}, Capability: v1alpha1.Text(name),
		Endpoint: v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.14/32"}, Port: 443}}}}
}

// usedPlatform makes an agency with a portal that references a platform, and waits
// until the platform counts it.
func usedPlatform(t *testing.T, name string) *v1alpha1.SharedPlatform {
	t.Helper()
	newAgency(t, name, code("A14U", 1))
	platform := externalPlatform(name)
	portal := harness.Portal(name, "runs", small, func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(name)}}
	})
	env.Create(t, platform, portal)
	harness.Eventually(t, func() error {
		if n := harness.Stored(t, env, platform).Status.Consumers; n != 1 {
			return fmt.Errorf("%d consumers, want 1", n)
		}
		return nil
	})
	return platform
}

// TestDeletionOfWhatIsInUse: a platform that a portal references, a policy with a
// permission in force and one that is enforced on a portal are not deleted before
// the spec says so. Each fails without its own lines of standard-deletion.
func TestDeletionOfWhatIsInUse(t *testing.T) {
	operate(t)
	root := rootUser(t, "root-a14")
	platform := usedPlatform(t, "a14use")
	permit := func(t *testing.T, o client.Object) {
		t.Helper()
		if err := root.Patch(t.Context(), harness.Stored(t, env, o), harness.MergePatch(`{"spec":{"deletionPolicy":"DeleteInUse"}}`)); err != nil {
			t.Fatal(err)
		}
		if err := root.Delete(t.Context(), o); err != nil {
			t.Errorf("delete what permits it: %v", err)
		}
	}
	enforced := func(t *testing.T, name string, modify func(*v1alpha1.SecurityPolicy)) *v1alpha1.SecurityPolicy {
		t.Helper()
		p := harness.Policy(name, "a14use", modify)
		env.Create(t, p)
		harness.Eventually(t, func() error {
			if s := harness.Stored(t, env, p).Status; s.InForce == nil || s.Matched != 1 {
				return fmt.Errorf("%d portals are matched, want 1 and a spec in force", s.Matched)
			}
			return nil
		})
		return p
	}
	t.Run("a policy that permits", func(t *testing.T) {
		p := enforced(t, "a14permits", func(p *v1alpha1.SecurityPolicy) {
			p.Spec.Mode = v1alpha1.ModeEnforce
			p.Spec.DeletionPolicy = v1alpha1.DeleteInUse
			p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
		})
		refused(t, "delete it", root.Delete(t.Context(), p), byStandardDeletion)
		if err := root.Patch(t.Context(), harness.Stored(t, env, p), harness.MergePatch(`{"spec":{"dataSharing":null}}`)); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, func() error {
			if s := harness.Stored(t, env, p).Status.InForce; s == nil || s.DataSharing != nil {
				return errors.New("the permission is in force still")
			}
			return nil
		})
		permit(t, p)
	})
	t.Run("a policy that isolates", func(t *testing.T) {
		p := enforced(t, "a14isolates", func(p *v1alpha1.SecurityPolicy) {
			p.Spec.Isolation = &v1alpha1.IsolationControl{NodePool: "a14"}
		})
		refused(t, "delete it", root.Delete(t.Context(), p), byStandardDeletion)
		refused(t, "delete all", root.DeleteAllOf(t.Context(), &v1alpha1.SecurityPolicy{}), byStandardDeletion)
		permit(t, p)
	})
	t.Run("a policy that only reports", func(t *testing.T) {
		p := enforced(t, "a14reports", func(p *v1alpha1.SecurityPolicy) {
			p.Spec.Mode = v1alpha1.ModeAudit
			p.Spec.Isolation = &v1alpha1.IsolationControl{NodePool: "a14"}
		})
		if err := root.Delete(t.Context(), p); err != nil {
			t.Errorf("delete it: %v", err)
		}
	})
	t.Run("a platform", func(t *testing.T) {
		refused(t, "delete it", root.Delete(t.Context(), platform), byStandardDeletion)
		refused(t, "delete all", root.DeleteAllOf(t.Context(), &v1alpha1.SharedPlatform{}), byStandardDeletion)
		permit(t, platform)
	})
}

// TestDeletionOfWhatAnEarlierOperatorEnforced: until the operator has written what
// is in force, the condition of the one before it counts. Without the condition in
// standard-deletion the policy goes.
func TestDeletionOfWhatAnEarlierOperatorEnforced(t *testing.T) {
	stopOperator(t)
	root := rootUser(t, "root-a14earlier")
	for _, c := range []struct {
		name, reason string
		status       metav1.ConditionStatus
		goes         bool
	}{
		{"a14earlier-enforces", v1alpha1.ReasonEnforcing, metav1.ConditionTrue, false},
		{"a14earlier-audits", v1alpha1.ReasonAuditing, metav1.ConditionFalse, true},
	} {
		p := harness.Policy(c.name, "nobody")
		env.Create(t, p)
		env.EditStatus(t, p, func() {
			p.Status.Matched = 3
			p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionEnforced, Status: c.status, Reason: c.reason, ObservedGeneration: p.Generation, LastTransitionTime: metav1.Now()}}
		})
		err := root.Delete(t.Context(), p)
		if c.goes && err != nil {
			t.Errorf("delete %s: %v", c.name, err)
		}
		if !c.goes {
			refused(t, "delete "+c.name, err, byStandardDeletion)
		}
	}
}

// changer changes the spec of a platform as a user.
type changer struct {
	user     client.Client
	platform *v1alpha1.SharedPlatform
}

func (c changer) write(t *testing.T, spec string) error {
	t.Helper()
	return c.user.Patch(t.Context(), harness.Stored(t, env, c.platform), harness.MergePatch(`{"spec":`+spec+`}`))
}

func (c changer) passes(t *testing.T, what, spec string) {
	t.Helper()
	if err := c.write(t, spec); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// isRefused also looks for the field, the cause and the remedy in the answer.
func (c changer) isRefused(t *testing.T, what, spec string, words ...string) {
	t.Helper()
	err := c.write(t, spec)
	refused(t, what, err, byPlatformChange)
	for _, w := range append(words, "ChangeInUse", c.platform.Name) {
		if err != nil && !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v lacks %q", what, err, w)
		}
	}
}

const elsewhere = `"endpoint":{"external":{"cidrs":["192.0.2.15/32"],"port":443}}`

// TestChangeOfAPlatformInUse: what may shut the way to a platform that a portal
// references is refused unless the same write says that it is meant, which counts
// once. Fails without the admission policy platform-change; without its second
// validation the next slip passes.
func TestChangeOfAPlatformInUse(t *testing.T) {
	operate(t)
	c := changer{rootUser(t, "root-a14change"), usedPlatform(t, "a14change")}
	const portals, same = "portals that reference it: 1", "same write"
	c.isRefused(t, "another address", "{"+elsewhere+"}", "spec.endpoint", portals, same)
	c.isRefused(t, "another port", `{"endpoint":{"external":{"port":444}}}`, "spec.endpoint", portals, same)
	c.isRefused(t, "only other agencies", `{"agencies":["somebody-else"]}`, "spec.agencies", portals, same)
	c.isRefused(t, "another type", `{"type":"Reporting"}`, "spec.type", portals, same)
	c.isRefused(t, "another capability", `{"capability":"other"}`, "spec.capability", portals, same)
	c.isRefused(t, "another scope", `{"scope":"Province"}`, "spec.scope", portals, same)
	c.passes(t, "what shuts nothing", `{"displayName":"renamed"}`)
	c.passes(t, "a change that says it is meant", `{"changePolicy":"ChangeInUse",`+elsewhere+`}`)
	c.isRefused(t, "the next slip", `{"type":"Reporting"}`, "spec.type", portals, "take it out first")
	c.passes(t, "the statement goes", `{"changePolicy":null}`)
	c.passes(t, "the next change that says it is meant", `{"changePolicy":"ChangeInUse","agencies":["somebody-else"]}`)
	c.passes(t, "one agency more", `{"changePolicy":null,"agencies":["somebody-else","a14change"]}`)
}

// TestClosingOfAPlatformIsNotRefused: what only takes away, and leaves at least half,
// waits for nothing, also where a statement was left behind. Fails where narrowed
// counts any agency, or none, and without sheds in platform-change.
func TestClosingOfAPlatformIsNotRefused(t *testing.T) {
	operate(t)
	c := changer{rootUser(t, "root-a14close"), usedPlatform(t, "a14close")}
	c.passes(t, "what is meant", `{"changePolicy":"ChangeInUse","agencies":["a14close","b","c","d"],"endpoint":{"external":{"cidrs":["192.0.2.14/32","192.0.2.24/32","192.0.2.34/32","192.0.2.44/32"]}}}`)
	c.passes(t, "two of four agencies", `{"agencies":["a14close","b"]}`)
	c.passes(t, "two of four addresses", `{"endpoint":{"external":{"cidrs":["192.0.2.44/32","192.0.2.14/32"]}}}`)
	c.passes(t, "another order", `{"agencies":["b","a14close"],"endpoint":{"external":{"cidrs":["192.0.2.14/32","192.0.2.44/32"]}}}`)
	c.passes(t, "the statement goes, and agencies come", `{"changePolicy":null,"agencies":["b","a14close","c"]}`)
	c.isRefused(t, "two of three agencies", `{"agencies":["b"]}`, "spec.agencies")
	c.isRefused(t, "an address away and a new one", `{`+elsewhere+`}`, "spec.endpoint")
}

// TestChangeOfAPlatformThatTakesOver: a platform that nobody uses may still take over
// what runs over another one. Fails without mayCarryLinks and identified in
// platform-change.
func TestChangeOfAPlatformThatTakesOver(t *testing.T) {
	operate(t)
	newAgency(t, "a14over", code("A14V", 1))
	unused := externalPlatform("a14over")
	env.Create(t, unused)
	harness.Eventually(t, func() error {
		if harness.Stored(t, env, unused).Status.ObservedGeneration == 0 {
			return errors.New("not observed yet")
		}
		return nil
	})
	c := changer{rootUser(t, "root-a14over"), unused}
	c.passes(t, "the address of an unused one", `{`+elsewhere+`,"type":"Reporting","agencies":["a14over"]}`)
	c.isRefused(t, "the capability of another", `{"capability":"other"}`, "spec.capability", "duplicate")
	c.isRefused(t, "it becomes the sharing platform", `{"type":"DataSharing","endpoint":{"external":null,"portal":{"agency":"a14over","name":"any"}}}`,
		"spec.endpoint, spec.type", "links with route Platform")
	c.passes(t, "it is meant", `{"changePolicy":"ChangeInUse","type":"DataSharing","endpoint":{"external":null,"portal":{"agency":"a14over","name":"any"}}}`)
	c.isRefused(t, "the only carrier of links moves", `{"endpoint":{"portal":{"name":"other"}}}`, "spec.endpoint", "links with route Platform", "take it out first")
	c.passes(t, "the statement goes", `{"changePolicy":null}`)
	c.isRefused(t, "the only carrier of links moves", `{"type":"Database"}`, "spec.type", "links with route Platform", "same write")
}
