package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/test/e2e/connectivity"
	"github.com/govplatform/govplatform/test/harness"
)

// openFlow is one entry of what the sample's expected.yaml lists as open.
type openFlow struct {
	From string `json:"from"`
	To   string `json:"to"`
	Port string `json:"port"`
}

// opened tells whether the sample lists the flow between two portals as open.
func opened(from, to end) bool {
	return slices.ContainsFunc(installed.open, func(f openFlow) bool {
		return f.From == names.Namespace(from.agency)+"/"+from.portal && f.To == names.Namespace(to.agency)+"/"+to.portal
	})
}

// decision is one decision about a link of the sample; see its decisions.yaml.
type decision struct {
	Link     string            `json:"link"`
	As       string            `json:"as"`
	Decision v1alpha1.Decision `json:"decision"`
	Reason   string            `json:"reason,omitempty"`
	User     string            `json:"user"`
	Group    string            `json:"group"`
	made     string
}

func readDecisions(path string) ([]decision, error) {
	var file struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Decisions  []decision `json:"decisions"`
	}
	if err := readYAML(path, &file); err != nil {
		return nil, err
	}
	return file.Decisions, nil
}

// make decides about the link's present scope, as the officer who stands in the file.
func (d *decision) make(ctx context.Context) error {
	namespace, name, _ := strings.Cut(d.Link, "/")
	l := &v1alpha1.DataSharingLink{}
	if err := installed.env.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, l); err != nil {
		return err
	}
	if l.Status.SpecHash == "" {
		return fmt.Errorf("link %s has no scope yet", d.Link)
	}
	if d.made == l.Status.SpecHash {
		return nil
	}
	config, err := shared.UserConfig(d.User, d.Group)
	if err != nil {
		return err
	}
	officer, err := harness.NewClient(config)
	if err != nil {
		return err
	}
	a := harness.Approval(d.As, l, d.Decision)
	a.Name, a.Spec.Reason, a.Spec.Approver = name+"-"+strings.ToLower(string(d.Decision)), d.Reason, d.User
	if err := officer.Create(ctx, a); apierrors.IsAlreadyExists(err) {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"specHash":%q,"approver":%q}}`, l.Status.SpecHash, d.User))
		err = officer.Patch(ctx, a, patch)
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	d.made = l.Status.SpecHash
	return nil
}

// sharingLimit is how long a change of consent may take to show on packets: seconds.
const sharingLimit = 15 * time.Second

// TestLinkOnPackets opens and shuts a direct link in every way that there is, while a client connects in a loop, and
// prints how long each took. Another portal of the provider's agency stays shut throughout, and the evaluator of network
// policies agrees with every observation.
func TestLinkOnPackets(t *testing.T) {
	t.Parallel()
	_, prober := clients(t)
	env := platform(t)
	consumer, provider := newAgency(t, "e2e-asks"), newAgency(t, "e2e-gives")
	policy := harness.Policy("e2e-direct", consumer.Name, func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = append(p.Spec.Selector.Agencies, v1alpha1.AgencyName(provider.Name))
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	})
	asks, gives, bystander := smallPortal(consumer.Name, "asks"), smallPortal(provider.Name, "gives"), smallPortal(provider.Name, "bystander")
	create(t, env, policy, asks, gives, bystander)
	env.WaitReady(t, asks, gives, bystander)
	service := harness.Service(provider.Name, "data", gives.Name)
	service.Spec.Port = gives.Spec.Port
	create(t, env, service)
	env.WaitReady(t, service)
	link := harness.Link(consumer.Name, "wants", asks.Name, provider.Name, service.Name)
	create(t, env, link)
	env.WaitCondition(t, link, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)

	from := readyPod(t, asks.Namespace, asks.Name)
	target := fmt.Sprintf("%s:%d", readyPod(t, gives.Namespace, gives.Name).Status.PodIP, gives.Spec.Port)
	other := fmt.Sprintf("%s:%d", readyPod(t, bystander.Namespace, bystander.Name).Status.PodIP, bystander.Spec.Port)
	see := func(address string) bool { return connects(t, prober, from.Namespace, from.Name, address) }
	agree := func(open bool) {
		t.Helper()
		s := liveSnapshot(t, env, asks.Namespace, gives.Namespace)
		v := reach.New(s).Evaluate(reach.Flow{From: reach.PodEndpoint(from.Namespace, from.Name),
			To: reach.PodEndpoint(gives.Namespace, readyPod(t, gives.Namespace, gives.Name).Name), Protocol: corev1.ProtocolTCP, Port: gives.Spec.Port})
		if v.Allowed != open {
			t.Errorf("the evaluator says %v, the packets say %v: %s", v.Allowed, open, v.Explain())
		}
	}
	turn := func(what string, open bool, act func()) {
		t.Helper()
		began := time.Now()
		act()
		deadline := began.Add(sharingLimit)
		for see(target) != open {
			if time.Now().After(deadline) {
				t.Fatalf("%s: after %s it is not %s", what, sharingLimit, openWord(open))
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("%-42s %-5s %5.1f s after", what, openWord(open), time.Since(began).Seconds())
		if see(other) {
			t.Errorf("%s: the bystander is open", what)
		}
		if open {
			agree(true)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refresh := func() { must(env.Admin.Get(t.Context(), client.ObjectKeyFromObject(link), link)) }
	approve := func() *v1alpha1.DataSharingApproval {
		refresh()
		a := harness.Approval(provider.Name, link, v1alpha1.DecisionApprove)
		must(env.Admin.Create(t.Context(), a))
		return a
	}
	suspend := func(agency *v1alpha1.Agency, on bool) {
		must(env.Admin.Patch(t.Context(), agency.DeepCopy(), client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"suspended":%v}}`, on))))
	}

	if see(target) || see(other) {
		t.Fatal("open before anybody approved")
	}
	agree(false)
	var approval *v1alpha1.DataSharingApproval
	turn("the provider approves", true, func() { approval = approve() })
	var central *v1alpha1.DataSharingApproval
	turn("the authority suspends the link", false, func() {
		refresh()
		central = harness.Approval("mic", link, v1alpha1.DecisionSuspend)
		central.Name = "e2e-central"
		must(env.Admin.Create(t.Context(), central))
	})
	turn("the authority takes that back", true, func() { must(env.Admin.Delete(t.Context(), central)) })
	turn("the approval is revoked", false, func() { must(env.Admin.Delete(t.Context(), approval)) })
	turn("the provider approves again", true, func() { approval = approve() })
	turn("the provider's policy is tightened", false, func() {
		must(env.Admin.Patch(t.Context(), policy.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"dataSharing":{"allowDirectRoute":false}}}`))))
	})
	turn("and loosened", true, func() {
		must(env.Admin.Patch(t.Context(), policy.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"dataSharing":{"allowDirectRoute":true}}}`))))
	})
	turn("the consumer's agency is suspended", false, func() { suspend(consumer, true) })
	// Its pods are stopped too; new ones have new addresses.
	suspend(consumer, false)
	env.WaitReady(t, asks)
	from = readyPod(t, asks.Namespace, asks.Name)
	turn("and resumed", true, func() {})
	turn("the provider's agency is suspended", false, func() { suspend(provider, true) })
	suspend(provider, false)
	env.WaitReady(t, gives, bystander)
	target = fmt.Sprintf("%s:%d", readyPod(t, gives.Namespace, gives.Name).Status.PodIP, gives.Spec.Port)
	other = fmt.Sprintf("%s:%d", readyPod(t, bystander.Namespace, bystander.Name).Status.PodIP, bystander.Spec.Port)
	turn("and resumed", true, func() {})
	until := time.Now().Add(6 * time.Second).Truncate(time.Second)
	must(env.Admin.Delete(t.Context(), approval))
	turn("a new term closes until it is approved", false, func() {
		must(env.Admin.Patch(t.Context(), link.DeepCopy(), client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"validUntil":%q}}`, until.UTC().Format(time.RFC3339)))))
	})
	env.WaitCondition(t, link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	turn("the new term is approved", true, func() { approval = approve() })
	time.Sleep(time.Until(until))
	turn("the term ends", false, func() {})
	must(env.Admin.Delete(t.Context(), approval))
	must(env.Admin.Patch(t.Context(), link.DeepCopy(), client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"validUntil":%q}}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))))
	env.WaitCondition(t, link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	turn("a term of an hour is approved", true, func() { approval = approve() })
	turn("the consumer deletes the link", false, func() { must(env.Admin.Delete(t.Context(), link)) })
	agree(false)
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

// connects tries one fresh connection from inside a pod.
func connects(t *testing.T, prober *connectivity.Prober, namespace, pod, address string) bool {
	t.Helper()
	attempts, err := prober.Connect(t.Context(), connectivity.Pod{Namespace: namespace, Name: pod}, []connectivity.Target{{Name: address, Address: address}})
	if err != nil || len(attempts) == 0 {
		return false // The pod may just be going; who waits for open tries again.
	}
	return attempts[0].Open
}
