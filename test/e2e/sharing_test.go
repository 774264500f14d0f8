package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

// opened tells whether the sample lists the flow between two portals as open.
func opened(from, to end) bool {
	return slices.ContainsFunc(installed.sample.Open, func(f sample.Flow) bool {
		return f.From == names.Namespace(from.agency)+"/"+from.portal && f.To == names.Namespace(to.agency)+"/"+to.portal
	})
}

// sharingLimit is how long a change of consent may take to show on packets: seconds.
const sharingLimit = 30 * time.Second

// linked are two agencies with a portal each, and a link from the one to the other that nobody has approved. A second
// portal of the provider is a bystander, which stays shut throughout.
type linked struct {
	t                  *testing.T
	env                *harness.Env
	prober             *connectivity.Prober
	consumer, provider *v1alpha1.Agency
	policy             *v1alpha1.SecurityPolicy
	asks               *v1alpha1.AgencyPortal
	gives, bystander   *v1alpha1.AgencyPortal
	link               *v1alpha1.DataSharingLink

	from, to      corev1.Pod
	target, other string
	attempts      *stream
}

func newLinked(t *testing.T, name string) *linked {
	t.Helper()
	_, prober := clients(t)
	l := &linked{t: t, env: platform(t), prober: prober, consumer: newAgency(t, name+"-asks"), provider: newAgency(t, name+"-gives")}
	l.policy = harness.Policy(name+"-direct", l.consumer.Name, func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = append(p.Spec.Selector.Agencies, v1alpha1.AgencyName(l.provider.Name))
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	})
	l.asks, l.gives, l.bystander = smallPortal(l.consumer.Name, "asks"), smallPortal(l.provider.Name, "gives"), smallPortal(l.provider.Name, "bystander")
	create(t, l.env, l.policy, l.asks, l.gives, l.bystander)
	l.env.WaitReady(t, l.asks, l.gives, l.bystander)
	service := harness.Service(l.provider.Name, "data", l.gives.Name)
	service.Spec.Port = l.gives.Spec.Port
	create(t, l.env, service)
	l.env.WaitReady(t, service)
	l.link = harness.Link(l.consumer.Name, "wants", l.asks.Name, l.provider.Name, service.Name)
	create(t, l.env, l.link)
	l.env.WaitCondition(t, l.link, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	l.connect()
	time.Sleep(quiet)
	l.agree(false)
	return l
}

// connect begins to connect from the present pod of the consumer to those of the provider.
func (l *linked) connect() {
	l.t.Helper()
	if l.attempts != nil {
		l.neverOther()
	}
	l.env.WaitReady(l.t, l.asks, l.gives, l.bystander)
	l.from = readyPod(l.t, l.asks.Namespace, l.asks.Name)
	l.to = readyPod(l.t, l.gives.Namespace, l.gives.Name)
	l.target = fmt.Sprintf("%s:%d", l.to.Status.PodIP, l.gives.Spec.Port)
	l.other = fmt.Sprintf("%s:%d", readyPod(l.t, l.bystander.Namespace, l.bystander.Name).Status.PodIP, l.bystander.Spec.Port)
	l.attempts = startStream(l.t, l.prober, connectivity.Pod{Namespace: l.from.Namespace, Name: l.from.Name}, l.target, l.other)
}

// neverOther fails the test if the bystander was reached, or not tried.
func (l *linked) neverOther() {
	l.t.Helper()
	eventually(l.t, settled, func() error {
		as, _ := l.attempts.since(l.target, time.Time{})
		tried, open := l.attempts.since(l.other, time.Time{})
		if len(open) > 0 {
			l.t.Fatalf("the bystander was reached %d times", len(open))
		}
		if len(tried) == 0 || len(tried) < len(as)/2 {
			return fmt.Errorf("the bystander was tried %d times, its neighbour %d times", len(tried), len(as))
		}
		return nil
	})
}

// turn does something and waits until fresh connections are open, or shut and stay so. It prints when the first one
// began that opened, or the last.
func (l *linked) turn(what string, open bool, act func()) {
	l.t.Helper()
	began := time.Now()
	act()
	for {
		tried, opened := l.attempts.since(l.target, began)
		switch {
		case open && len(opened) > 0:
			l.t.Logf("%-42s open; the first connection began after %4d ms", what, opened[0].Time.Sub(began).Milliseconds())
			l.agree(true)
			return
		case open || len(tried) == 0:
		case len(opened) == 0 && tried[len(tried)-1].Time.Sub(tried[0].Time) > quiet:
			l.t.Logf("%-42s shut; no connection opened any more", what)
			l.agree(false)
			return
		case len(opened) > 0 && tried[len(tried)-1].Time.Sub(opened[len(opened)-1].Time) > quiet:
			l.t.Logf("%-42s shut; the last connection began after %5d ms", what, opened[len(opened)-1].Time.Sub(began).Milliseconds())
			l.agree(false)
			return
		}
		if time.Since(began) > sharingLimit {
			l.t.Fatalf("%s: after %s it is not %s: %d attempts, %d opened", what, sharingLimit, openWord(open), len(tried), len(opened))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// agree compares the packets with what the evaluator of network policies says of the policies that there are now. Pods
// that are stopped meanwhile are looked at as if they were there, so that it is a policy that shuts, and not their end.
func (l *linked) agree(open bool) {
	l.t.Helper()
	s := liveSnapshot(l.t, l.env, l.asks.Namespace, l.gives.Namespace)
	for _, pod := range []corev1.Pod{l.from, l.to} {
		s.Pods = append(slices.DeleteFunc(s.Pods, func(p corev1.Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name }), pod)
	}
	v := reach.New(s).Evaluate(reach.Flow{
		From: reach.PodEndpoint(l.from.Namespace, l.from.Name), To: reach.PodEndpoint(l.to.Namespace, l.to.Name),
		Protocol: corev1.ProtocolTCP, Port: l.gives.Spec.Port,
	})
	if v.Allowed != open {
		l.t.Errorf("the evaluator says %v, the packets say %v: %s", v.Allowed, open, v.Explain())
	}
}

func (l *linked) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// patch changes an object as a member of system:masters.
func (l *linked) patch(o client.Object, format string, args ...any) {
	l.t.Helper()
	l.must(l.env.Admin.Patch(l.t.Context(), o.DeepCopyObject().(client.Object), client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, format, args...))))
}

// decide writes a decision about the present scope of the link.
func (l *linked) decide(by, name string, decision v1alpha1.Decision) *v1alpha1.DataSharingApproval {
	l.t.Helper()
	l.must(l.env.Admin.Get(l.t.Context(), client.ObjectKeyFromObject(l.link), l.link))
	a := harness.Approval(by, l.link, decision)
	// The cluster's client has one user.
	a.Spec.Approver = harness.AdminUser
	if name != "" {
		a.Name = name
	}
	l.must(l.env.Admin.Create(l.t.Context(), a))
	return a
}

func (l *linked) revoke(a *v1alpha1.DataSharingApproval) {
	l.t.Helper()
	l.must(l.env.Admin.Delete(l.t.Context(), a))
}

// TestLinkDecisions opens and shuts a direct link by every decision about it, while a client connects in a loop, and
// prints when it opened and shut. The evaluator of network policies agrees with every observation.
func TestLinkDecisions(t *testing.T) {
	t.Parallel()
	l := newLinked(t, "decided")
	var approval, central *v1alpha1.DataSharingApproval
	approve := func() { approval = l.decide(l.provider.Name, "", v1alpha1.DecisionApprove) }
	l.turn("nobody approves", false, func() {})
	l.turn("the provider approves", true, approve)
	l.turn("the authority suspends the link", false, func() { central = l.decide("mic", "e2e-central", v1alpha1.DecisionSuspend) })
	l.turn("the authority takes that back", true, func() { l.revoke(central) })
	l.turn("the approval is revoked", false, func() { l.revoke(approval) })
	l.turn("the provider approves again", true, approve)
	l.turn("the provider's policy is tightened", false, func() { l.patch(l.policy, `{"spec":{"dataSharing":{"allowDirectRoute":false}}}`) })
	l.turn("and loosened", true, func() { l.patch(l.policy, `{"spec":{"dataSharing":{"allowDirectRoute":true}}}`) })
	l.turn("the consumer deletes the link", false, func() { l.must(l.env.Admin.Delete(t.Context(), l.link)) })
	l.neverOther()
}

// TestLinkSuspended suspends the agency at either end of a link, and takes that back.
func TestLinkSuspended(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"consumer", "provider"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			l := newLinked(t, "halted-"+who)
			agency := l.consumer
			if who == "provider" {
				agency = l.provider
			}
			l.turn("the provider approves", true, func() { l.decide(l.provider.Name, "", v1alpha1.DecisionApprove) })
			l.turn("the "+who+"'s agency is suspended", false, func() { l.patch(agency, `{"spec":{"suspended":true}}`) })
			// Its pods are stopped too; new ones have new addresses.
			eventually(t, patience, func() error { return noPods(t.Context(), l.env, names.Namespace(agency.Name)) })
			l.patch(agency, `{"spec":{"suspended":false}}`)
			l.connect()
			l.turn("and resumed", true, func() {})
			l.neverOther()
		})
	}
}

// TestLinkTerm changes the term of an approved link, and lets one end.
func TestLinkTerm(t *testing.T) {
	t.Parallel()
	l := newLinked(t, "limited")
	var approval *v1alpha1.DataSharingApproval
	approve := func() { approval = l.decide(l.provider.Name, "", v1alpha1.DecisionApprove) }
	l.turn("the provider approves", true, approve)
	term := func(until time.Time) {
		l.patch(l.link, `{"spec":{"validUntil":%q}}`, until.UTC().Format(time.RFC3339))
	}
	renew := func() {
		l.env.WaitCondition(t, l.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
		l.revoke(approval)
		l.env.WaitCondition(t, l.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	}
	until := time.Now().Add(16 * time.Second).Truncate(time.Second)
	l.turn("a new term closes until it is approved", false, func() { term(until) })
	renew()
	l.turn("the new term is approved", true, approve)
	time.Sleep(time.Until(until))
	if _, open := l.attempts.since(l.target, until.Add(-time.Second)); len(open) == 0 {
		t.Error("the link was shut before its term ended")
	}
	l.turn("the term ends", false, func() {})
	l.turn("a term of an hour closes as well", false, func() { term(time.Now().Add(time.Hour)) })
	renew()
	l.turn("and opens when it is approved", true, approve)
	l.neverOther()
}

// noPods returns nil when a namespace has no pod.
func noPods(ctx context.Context, env *harness.Env, namespace string) error {
	var pods corev1.PodList
	if err := env.Admin.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return err
	}
	if len(pods.Items) > 0 {
		return errStill
	}
	return nil
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "shut"
}

// liveSnapshot reads what the evaluator looks at.
func liveSnapshot(t *testing.T, env *harness.Env, namespaces ...string) reach.Snapshot {
	t.Helper()
	var s reach.Snapshot
	for _, ns := range namespaces {
		var n corev1.Namespace
		var pods corev1.PodList
		var policies networkingv1.NetworkPolicyList
		for _, err := range []error{
			env.Admin.Get(t.Context(), client.ObjectKey{Name: ns}, &n),
			env.Admin.List(t.Context(), &pods, client.InNamespace(ns)),
			env.Admin.List(t.Context(), &policies, client.InNamespace(ns)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		s.Namespaces = append(s.Namespaces, n)
		s.Pods = append(s.Pods, pods.Items...)
		s.Policies = append(s.Policies, policies.Items...)
	}
	return s
}
