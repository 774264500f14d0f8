package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	goodRegistry = "registry.platform.example.gov.vn"
	typoRegistry = "registry.platform.exmaple.gov.vn"
)

// country is a pair with an open link and an agency with more portals.
type country struct {
	portals []*v1alpha1.AgencyPortal
	link    *v1alpha1.DataSharingLink
}

// newCountry has the given number of running portals and one open link between
// two of them. The images of the first loose portals have no digest.
func newCountry(t *testing.T, name, code string, portals, loose int) country {
	t.Helper()
	env.WaitEmpty(t)
	p := newPair(t, name, code, direct())
	c := country{portals: []*v1alpha1.AgencyPortal{harness.Portal(p.consumer, "asks"), harness.Portal(p.provider, "serves")}, link: p.link("wants")}
	env.Create(t, c.link)
	decide(t, p.provider, c.link, v1alpha1.DecisionApprove)
	wantPolicies(t, c.link, 2)
	many := harness.Agency(name+"-many", code+"3")
	env.Create(t, many)
	env.WaitReady(t, many)
	for i := range portals - 2 {
		portal := harness.Portal(many.Name, fmt.Sprintf("p%02d", i), func(p *v1alpha1.AgencyPortal) {
			p.Spec.Replicas.Min = 1
			if i < loose {
				p.Spec.Image = goodRegistry + "/test/portal:1"
			}
		})
		env.Create(t, portal)
		c.portals = append(c.portals, portal)
	}
	for _, p := range c.portals {
		env.WaitReady(t, p)
	}
	return c
}

// deployments returns the UIDs of the portals' Deployments.
func (c country) deployments(t *testing.T) map[string]types.UID {
	t.Helper()
	out := map[string]types.UID{}
	for _, p := range c.portals {
		var d appsv1.Deployment
		switch err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), &d); {
		case err == nil:
			out[p.Namespace+"/"+p.Name] = d.UID
		case !apierrors.IsNotFound(err):
			t.Fatal(err)
		}
	}
	return out
}

// runsOn checks that every portal has the Deployment that it had, and that the
// link is open.
func (c country) runsOn(t *testing.T, before map[string]types.UID) {
	t.Helper()
	if len(before) != len(c.portals) {
		t.Fatalf("%d of %d portals ran before", len(before), len(c.portals))
	}
	now := c.deployments(t)
	for name, uid := range before {
		if now[name] != uid {
			t.Errorf("the Deployment of %s was %s and is %q", name, uid, now[name])
		}
	}
	if policies, err := env.LinkPolicies(t.Context(), c.link); err != nil || len(policies) != 2 {
		t.Errorf("the link has %d policies (%v), want 2", len(policies), err)
	}
}

// stopped waits until the portals have no Deployment.
func stopped(t *testing.T, portals ...*v1alpha1.AgencyPortal) {
	t.Helper()
	for _, p := range portals {
		env.WaitGone(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
	}
}

func registries(p *v1alpha1.SecurityPolicy, registry string) {
	p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{v1alpha1.RegistryPrefix(registry)}}
}

func setRegistry(t *testing.T, p *v1alpha1.SecurityPolicy, registry string) {
	t.Helper()
	env.Merge(t, p, fmt.Sprintf(`{"spec":{"images":{"allowedRegistries":[%q]}}}`, registry))
}

func held(t *testing.T, p *v1alpha1.SecurityPolicy, portals, links int32) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		i := p.Status.Impact
		if p.Status.ObservedGeneration != p.Generation || i == nil || i.Portals != portals || i.Links != links {
			return fmt.Errorf("policy %s: impact is %+v, want %d portals and %d links", p.Name, i, portals, links)
		}
		return nil
	})
	env.WaitCondition(t, p, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonImpactHeld)
	env.WaitCondition(t, p, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonImpactHeld)
}

func enforcing(t *testing.T, p *v1alpha1.SecurityPolicy) {
	t.Helper()
	env.WaitCondition(t, p, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEnforcing)
	if p.Status.Impact != nil {
		t.Errorf("policy %s is in force and has the impact %+v", p.Name, p.Status.Impact)
	}
}

// compliance waits for the condition PolicyCompliant of portals.
func compliance(t *testing.T, status metav1.ConditionStatus, reason string, portals ...*v1alpha1.AgencyPortal) {
	t.Helper()
	for _, p := range portals {
		env.WaitCondition(t, p, v1alpha1.ConditionPolicyCompliant, status, reason)
	}
}

// TestStandardThatStopsMuchIsHeld: a typo in a registry, with a selector that
// selects everything, stops nobody (A14). Without the bound (Exceeds returning
// false) all thirteen Deployments and the link's policies are gone within a
// second.
func TestStandardThatStopsMuchIsHeld(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	c := newCountry(t, "typo", "T1", 13, 0)
	p := harness.Policy("typo", "", func(p *v1alpha1.SecurityPolicy) { registries(p, goodRegistry) })
	env.Create(t, p)
	enforcing(t, p)
	before := c.deployments(t)

	setRegistry(t, p, typoRegistry)
	held(t, p, 13, 1)
	compliance(t, metav1.ConditionTrue, v1alpha1.ReasonHeldStandard, c.portals...)
	c.runsOn(t, before)
	if got := p.Status.InForce.Images.AllowedRegistries; len(got) != 1 || got[0] != goodRegistry {
		t.Errorf("in force is %v, want the registry from before", got)
	}
	ready := condition(p, v1alpha1.ConditionReady)
	for _, want := range []string{"13 running portals", "1 open links", "images.allowedRegistries", "acceptedImpact to {portals: 13, links: 1}", "kubectl gov impact"} {
		if !strings.Contains(ready, want) {
			t.Errorf("the message does not name %q: %s", want, ready)
		}
	}

	t.Run("pods can be replaced", func(t *testing.T) { replacePod(t, c.portals[2]) })

	t.Run("what is new is refused", func(t *testing.T) {
		late := harness.Portal("typo-many", "late")
		env.Create(t, late)
		compliance(t, metav1.ConditionFalse, v1alpha1.ReasonViolation, late)
		env.Merge(t, c.portals[3], `{"spec":{"port":9090}}`)
		compliance(t, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant, c.portals[3])
		c.runsOn(t, before)
		env.Merge(t, c.portals[3], `{"spec":{"port":8080}}`)
		compliance(t, metav1.ConditionTrue, v1alpha1.ReasonHeldStandard, c.portals[3])
		remove(t, late)
		env.WaitGone(t, late)
	})

	whole := t
	t.Run("restart", func(t *testing.T) {
		op.WaitQuiet(t, 3*time.Second)
		if err := op.Stop(); err != nil {
			t.Fatal(err)
		}
		op = env.Operator(whole, harness.OperatorOptions{})
		op.WaitQuiet(t, 3*time.Second)
		if w := op.Requests.Writes(); len(w) > 0 {
			t.Errorf("a restarted operator wrote while a standard is held:%s", harness.String(w))
		}
		c.runsOn(t, before)
	})

	t.Run("too little is accepted", func(t *testing.T) {
		env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":12,"links":1}}}`)
		held(t, p, 13, 1)
		env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":13,"links":0}}}`)
		held(t, p, 13, 1)
		c.runsOn(t, before)
	})

	t.Run("accepted", func(t *testing.T) {
		env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":13,"links":1}}}`)
		enforcing(t, p)
		stopped(t, c.portals...)
		wantPolicies(t, c.link, 0)
	})
}

func condition(p *v1alpha1.SecurityPolicy, name string) string {
	for _, c := range p.Status.Conditions {
		if c.Type == name {
			return c.Message
		}
	}
	return ""
}

// replacePod deletes a pod of a portal and waits for another one: the admission
// policy on pods is that of the spec in force.
func replacePod(t *testing.T, portal *v1alpha1.AgencyPortal) {
	t.Helper()
	var pods corev1.PodList
	list := func() error {
		return env.Admin.List(t.Context(), &pods, client.InNamespace(portal.Namespace), client.MatchingLabels{names.LabelPortal: portal.Name})
	}
	if err := list(); err != nil || len(pods.Items) == 0 {
		t.Fatalf("%d pods (%v)", len(pods.Items), err)
	}
	old := pods.Items[0].UID
	if err := env.Admin.Delete(t.Context(), &pods.Items[0], client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if err := list(); err != nil {
			return err
		}
		for i := range pods.Items {
			if pods.Items[i].UID != old && pods.Items[i].DeletionTimestamp == nil {
				return nil
			}
		}
		return errors.New("no pod was made in its place")
	})
}

// TestAuditBecomesEnforce: seven violators of an audited standard run on when it
// is enforced (C03), until the authority accepts their number or they comply.
// Without the bound all seven are gone within three seconds.
func TestAuditBecomesEnforce(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	c := newCountry(t, "grace", "T2", 9, 7)
	violators := c.portals[2:]
	p := harness.Policy("grace", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Mode = v1alpha1.ModeAudit
		p.Spec.Images = &v1alpha1.ImageControl{RequireDigest: true}
	})
	env.Create(t, p)
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		if len(p.Status.Violators) != 7 || p.Status.Violating != 7 || p.Status.Violators[0] != (v1alpha1.Impacted{Kind: "AgencyPortal", Agency: "grace-many", Name: "p00", Control: "images.requireDigest"}) {
			return fmt.Errorf("violators are %+v", p.Status.Violators)
		}
		return nil
	})
	before := c.deployments(t)
	env.Merge(t, p, `{"spec":{"mode":"Enforce"}}`)
	held(t, p, 7, 0)
	compliance(t, metav1.ConditionTrue, v1alpha1.ReasonHeldStandard, violators...)
	c.runsOn(t, before)

	// What complies before it is accepted is not stopped by it; one portal that
	// is left is no great impact.
	for _, v := range violators[:6] {
		env.Merge(t, v, fmt.Sprintf(`{"spec":{"image":%q}}`, harness.Image))
	}
	enforcing(t, p)
	stopped(t, violators[6])
	for _, v := range c.portals[:8] {
		env.WaitReady(t, v)
	}
	wantPolicies(t, c.link, 2)
}

// TestHeldStandardIsTakenBack: while a standard is held, what looses it takes
// effect at once, also where another part stays held, and its deletion leaves
// nothing behind.
func TestHeldStandardIsTakenBack(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	c := newCountry(t, "back", "T3", 9, 7)
	before := c.deployments(t)
	p := harness.Policy("back", "", func(p *v1alpha1.SecurityPolicy) { registries(p, goodRegistry) })
	env.Create(t, p)
	enforcing(t, p)

	t.Run("looser before anything was in force", func(t *testing.T) {
		n := harness.Policy("back-new", "", func(p *v1alpha1.SecurityPolicy) { registries(p, typoRegistry) })
		env.Create(t, n)
		held(t, n, 9, 1)
		if n.Status.InForce != nil {
			t.Errorf("a new policy that is held has %+v in force", n.Status.InForce)
		}
		var vap admissionv1.ValidatingAdmissionPolicy
		if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: names.AdmissionPolicy(n.Name)}, &vap); !apierrors.IsNotFound(err) {
			t.Errorf("a new policy that is held holds pods: %v", err)
		}
		late := harness.Portal("back-many", "late")
		env.Create(t, late)
		compliance(t, metav1.ConditionFalse, v1alpha1.ReasonViolation, late)
		remove(t, n)
		env.WaitGone(t, n)
		env.WaitReady(t, late)
		compliance(t, metav1.ConditionTrue, v1alpha1.ReasonCompliant, c.portals...)
		remove(t, late)
		env.WaitGone(t, late)
	})

	t.Run("a part stays held", func(t *testing.T) {
		// The digest is a new demand, the second registry a new permission.
		env.Merge(t, p, fmt.Sprintf(`{"spec":{"images":{"requireDigest":true,"allowedRegistries":[%q,"other.example.gov.vn"]}}}`, goodRegistry))
		held(t, p, 7, 0)
		both := harness.Portal("back-many", "both", func(p *v1alpha1.AgencyPortal) {
			p.Spec.Image = strings.Replace(harness.Image, goodRegistry, "other.example.gov.vn", 1)
		})
		env.Create(t, both)
		compliance(t, metav1.ConditionFalse, v1alpha1.ReasonViolation, both)
		env.Merge(t, p, `{"spec":{"images":{"requireDigest":false}}}`)
		enforcing(t, p)
		env.WaitReady(t, both)
		remove(t, both)
		env.WaitGone(t, both)
	})

	t.Run("one statement is for one change", func(t *testing.T) {
		env.Merge(t, p, `{"spec":{"acceptedImpact":{"portals":9,"links":1},"images":{"requireDigest":true}}}`)
		enforcing(t, p)
		stopped(t, c.portals[2:]...)
		for _, v := range c.portals[2:] {
			env.Merge(t, v, fmt.Sprintf(`{"spec":{"image":%q}}`, harness.Image))
		}
		for _, v := range c.portals {
			env.WaitReady(t, v)
		}
		// The links' ends were not touched.
		before = c.deployments(t)
		setRegistry(t, p, typoRegistry)
		held(t, p, 9, 1)
		c.runsOn(t, before)
		if got := condition(p, v1alpha1.ConditionReady); !strings.Contains(got, "was there before this change") {
			t.Errorf("the message does not say why the statement does not count: %s", got)
		}
	})
}

// TestUnknownRuntimeClassIsHeld: a standard with a runtime class of which there is
// none leaves the pods of the country as they are, and lost ones come back. Without
// policy.Isolation in the impact it is in force at once: no Deployment can make a
// pod any more, and the admission policy refuses those of the template before.
func TestUnknownRuntimeClassIsHeld(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	c := newCountry(t, "class", "T4", 7, 0)
	before := c.deployments(t)
	p := harness.Policy("class", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Isolation = &v1alpha1.IsolationControl{RuntimeClassName: "kata-typo"}
	})
	env.Create(t, p)
	held(t, p, 7, 0)
	c.runsOn(t, before)
	for _, portal := range c.portals {
		var d appsv1.Deployment
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), &d); err != nil {
			t.Fatal(err)
		}
		if got := d.Spec.Template.Spec.RuntimeClassName; got != nil {
			t.Errorf("the held runtime class %s is in the Deployment of %s", *got, portal.Name)
		}
	}
	replacePod(t, c.portals[2])
	for _, portal := range c.portals {
		env.WaitReady(t, portal)
	}
}
