package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

const (
	// loopInterval is how often a client connects while a policy is tampered with.
	loopInterval = 20 * time.Millisecond
	// repairLimit is how long the operator may take to repair a policy on a busy machine.
	repairLimit = 5 * time.Second
	// quiet is how long nothing may pass before traffic counts as closed again.
	quiet = 500 * time.Millisecond
)

// tampering is what an enemy with all rights does to the policies of a portal.
type tampering struct {
	name string
	// deleted are removed with their finalizers, asked are removed as usual, loosened allow everything.
	deleted, asked, loosened []string
	// covered is set where other policies still hold the pod, so that nothing may pass at all.
	covered bool
}

// TestTamper deletes and loosens policies as a member of system:masters, whom no admission policy stops, while a client
// connects all the time, and says for how long connections opened.
func TestTamper(t *testing.T) {
	t.Parallel()
	k, _ := clients(t)
	env := platform(t)
	agency := newAgency(t, tamperedAgency)
	ns := names.Namespace(agency.Name)
	portal := smallPortal(agency.Name, "portal")
	create(t, env, portal)
	pod := readyPod(t, ns, portal.Name)
	env.WaitReady(t, portal)
	target := pod.Status.PodIP + ":8080"
	l := startLoop(t, k, stranger, "tamper", loopInterval, false, target)

	const namespaceDeny, portalDeny, base = "default-deny", "portal-deny", "portal-base"
	type phase struct {
		name     string
		from, to time.Time
		covered  bool
		note     string
	}
	var phases []phase
	before := policies(t, env, ns)
	l.waitClosed(t, target, quiet)
	settle := func() {
		eventually(t, patience, func() error {
			now := policies(t, env, ns)
			for name, want := range before {
				if got := now[name]; got == nil || got.DeletionTimestamp != nil || !equality.Semantic.DeepEqual(got.Spec, want.Spec) || !equality.Semantic.DeepEqual(got.Finalizers, want.Finalizers) {
					return fmt.Errorf("policy %s is not as before", name)
				}
			}
			return nil
		})
		// The time is given for the network to take the policy up, and to notice when it does not.
		time.Sleep(quiet)
		l.waitClosed(t, target, quiet)
	}
	for _, c := range []tampering{
		{name: "portal's deny deleted", asked: []string{portalDeny}, covered: true},
		{name: "portal's deny deleted with its finalizer", deleted: []string{portalDeny}, covered: true},
		{name: "namespace's default deny deleted", asked: []string{namespaceDeny}, covered: true},
		{name: "namespace's default deny deleted with its finalizer", deleted: []string{namespaceDeny}, covered: true},
		{name: "both deleted at once", asked: []string{portalDeny, namespaceDeny}, covered: true},
		{name: "both deleted at once with their finalizers", deleted: []string{portalDeny, namespaceDeny}, covered: true},
		{name: "all three policies of the portal deleted with their finalizers", deleted: []string{base, portalDeny, namespaceDeny}},
		{name: "portal's deny loosened", loosened: []string{portalDeny}},
		{name: "namespace's default deny loosened", loosened: []string{namespaceDeny}},
		{name: "both loosened at once", loosened: []string{portalDeny, namespaceDeny}},
	} {
		from := time.Now()
		c.do(t, env, ns)
		settle()
		phases = append(phases, phase{name: c.name, from: from, to: time.Now(), covered: c.covered})
	}

	foreign := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "foreign", Namespace: ns},
		Spec:       everything(),
	}
	tenant, err := shared.UserConfig("mallory", string(agency.Spec.AdminGroups[0]))
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := harness.NewClient(tenant)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	if err := mallory.Create(t.Context(), foreign.DeepCopy()); !apierrors.IsForbidden(err) {
		t.Errorf("a tenant's own policy: %v, want it forbidden", err)
	}
	// Even with rights that the platform never gives, the admission policy refuses.
	grant(t, env, ns, "mallory")
	if err := mallory.Create(t.Context(), foreign.DeepCopy()); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "platform's operator") {
		t.Errorf("a tenant's own policy, with the right to write policies: %v, want the admission policy's refusal", err)
	}
	time.Sleep(quiet)
	phases = append(phases, phase{name: "allow-all added by the agency's admin", from: from, to: time.Now(), covered: true, note: "denied"})

	from = time.Now()
	if err := env.Admin.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, agency, v1alpha1.ConditionNetworkIsolated, metav1.ConditionFalse, v1alpha1.ReasonForeignPolicies)
	time.Sleep(2 * time.Second)
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign); err != nil {
		t.Errorf("the operator removed a policy that is not its own: %v", err)
	}
	if err := env.Admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	l.waitClosed(t, target, quiet)
	phases = append(phases, phase{name: "allow-all added by system:masters for 2 s", from: from, to: time.Now(), note: "not the operator's to delete; the agency reports it, and it passes until whoever made it removes it"})

	l.finish(t)
	var report strings.Builder
	for _, p := range phases {
		windows := l.windows(target, p.from, p.to)
		fmt.Fprintf(&report, "  %-66s %s", p.name, describe(windows, loopInterval))
		if p.note != "" {
			fmt.Fprintf(&report, "; %s", p.note)
		}
		report.WriteString("\n")
		if p.covered && len(windows) > 0 {
			t.Errorf("%s: connections opened although another policy held the pod: %v", p.name, windows)
		}
		for _, w := range windows {
			if w.Length() > repairLimit {
				t.Errorf("%s: connections opened for %s, longer than %s", p.name, w.Length(), repairLimit)
			}
		}
		if l.count(target, p.from, p.to) == 0 {
			t.Errorf("%s: nothing was tried", p.name)
		}
	}
	if len(l.windows(target, phases[0].from.Add(-time.Minute), phases[0].from)) > 0 {
		t.Error("the portal was open before anything was tampered with")
	}
	t.Logf("one connection every %d ms from another namespace; for how long they opened:\n%s", loopInterval.Milliseconds(), report.String())
}

// do tampers with policies of a namespace, all at the same time.
func (c tampering) do(t *testing.T, env *harness.Env, ns string) {
	t.Helper()
	policy := func(name string) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	}
	for _, name := range c.deleted {
		if err := env.Admin.Patch(t.Context(), policy(name), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range append(c.deleted, c.asked...) {
		if err := env.Admin.Delete(t.Context(), policy(name)); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	for _, name := range c.loosened {
		if err := env.Admin.Patch(t.Context(), policy(name), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"ingress":[{}],"egress":[{}]}}`))); err != nil {
			t.Fatal(err)
		}
	}
}

func everything() networkingv1.NetworkPolicySpec {
	return networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{}},
		Egress:      []networkingv1.NetworkPolicyEgressRule{{}},
	}
}

func policies(t *testing.T, env *harness.Env, ns string) map[string]*networkingv1.NetworkPolicy {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	out := map[string]*networkingv1.NetworkPolicy{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

// TestSuspend suspends an agency while monitoring connects to its portal, with fresh connections and over one that was
// there before.
func TestSuspend(t *testing.T) {
	t.Parallel()
	k, _ := clients(t)
	env := platform(t)
	agency := newAgency(t, "paused")
	ns := names.Namespace(agency.Name)
	portal := smallPortal(agency.Name, "portal")
	create(t, env, portal)
	pod := readyPod(t, ns, portal.Name)
	env.WaitReady(t, portal)
	target := pod.Status.PodIP + ":8080"
	service := fmt.Sprintf("portal.%s.svc.cluster.local.:8080", ns)
	fresh := startLoop(t, k, monitoring, "fresh", loopInterval, false, target, service)
	kept := startLoop(t, k, monitoring, "kept", loopInterval, true, target)
	eventually(t, patience, func() error {
		for _, l := range []*loop{fresh, kept} {
			if err := l.read(t.Context()); err != nil {
				return err
			}
			if len(l.windows(target, time.Time{}, time.Now())) == 0 {
				return fmt.Errorf("%s does not reach the portal", l.pod)
			}
		}
		return nil
	})

	suspend := func(value bool) time.Time {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"suspended":%v}}`, value))
		at := time.Now()
		if err := env.Admin.Patch(t.Context(), agency, patch); err != nil {
			t.Fatal(err)
		}
		return at
	}
	at := suspend(true)
	eventually(t, patience, func() error { return noPods(t.Context(), env, ns) })
	gone := time.Now()
	time.Sleep(quiet)
	resumed := suspend(false)
	readyPod(t, ns, portal.Name)
	eventually(t, patience, func() error {
		if err := fresh.read(t.Context()); err != nil {
			return err
		}
		if _, open := fresh.openSince(service, resumed); open == 0 {
			return fmt.Errorf("%s is closed", service)
		}
		return nil
	})
	fresh.finish(t)
	kept.finish(t)

	last := func(l *loop, target string) time.Duration {
		var d time.Duration
		for _, w := range l.windows(target, at, resumed) {
			d = max(d, w.Last.Sub(at))
		}
		return d
	}
	back := fresh.windows(service, resumed, time.Now())[0].First.Sub(resumed)
	t.Logf("after the suspension: the last fresh connection to the pod began after %d ms, to the Service after %d ms; a connection that stood already carried requests for %d ms; the pod was gone after %d ms; fresh connections opened again %d ms after the suspension ended",
		last(fresh, target).Milliseconds(), last(fresh, service).Milliseconds(), last(kept, target).Milliseconds(), gone.Sub(at).Milliseconds(), back.Milliseconds())
	// The portal goes on answering for 2 s after it was told to stop, so it is the policy that closes it before.
	if d := max(last(fresh, target), last(fresh, service)); d > 2*time.Second {
		t.Errorf("fresh connections opened for %s: it was the pod's end that stopped them, not a policy", d)
	}
	if d := last(kept, target); d > gone.Sub(at) {
		t.Errorf("a connection lived for %s, longer than its pod", d)
	}
	if len(kept.windows(target, at.Add(-time.Minute), at)) == 0 {
		t.Error("there was no connection before the suspension")
	}
}
