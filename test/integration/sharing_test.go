package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// authority is the agency whose approvals count for every link.
var authority = settings.Default().AuthorityAgency

// pair is a consumer with the portal "asks" and a provider whose portal "serves"
// offers the service "data".
type pair struct {
	consumer, provider string
	service            *v1alpha1.DataService
}

// newPair creates the two agencies and, unless direct is nil, a policy about the
// direct route between them. Agencies' codes begin with the given letter and
// digit.
func newPair(t *testing.T, name, code string, control *v1alpha1.DataSharingControl, service ...func(*v1alpha1.DataService)) pair {
	t.Helper()
	p := pair{consumer: name + "-asker", provider: name + "-giver"}
	if control != nil {
		env.Create(t, sharingPolicy(name, control, p.consumer, p.provider))
	}
	a, b := harness.Agency(p.consumer, code+"1"), harness.Agency(p.provider, code+"2")
	env.Create(t, a, b)
	env.WaitReady(t, a, b)
	pa, pb := harness.Portal(p.consumer, "asks"), harness.Portal(p.provider, "serves")
	env.Create(t, pa, pb)
	env.WaitReady(t, pa, pb)
	p.service = harness.Service(p.provider, "data", "serves", service...)
	env.Create(t, p.service)
	env.WaitReady(t, p.service)
	return p
}

func sharingPolicy(name string, control *v1alpha1.DataSharingControl, agencies ...string) *v1alpha1.SecurityPolicy {
	return harness.Policy("sharing-"+name, "", func(p *v1alpha1.SecurityPolicy) {
		for _, a := range agencies {
			p.Spec.Selector.Agencies = append(p.Spec.Selector.Agencies, v1alpha1.AgencyName(a))
		}
		p.Spec.DataSharing = control
	})
}

func direct() *v1alpha1.DataSharingControl {
	return &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
}

func (p pair) link(name string, modify ...func(*v1alpha1.DataSharingLink)) *v1alpha1.DataSharingLink {
	return harness.Link(p.consumer, name, "asks", p.provider, "data", modify...)
}

// scope waits until the operator has looked at the link's present spec and has
// a hash for it.
func scope(t *testing.T, l *v1alpha1.DataSharingLink) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(l), l); err != nil {
			return err
		}
		if l.Status.SpecHash == "" || l.Status.ObservedGeneration != l.Generation {
			return fmt.Errorf("link %s has no scope: %s", l.Name, messages(l))
		}
		return nil
	})
}

func messages(l *v1alpha1.DataSharingLink) string {
	var out []string
	for _, c := range l.Status.Conditions {
		out = append(out, fmt.Sprintf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(out, "\n")
}

// decide creates an agency's decision about the link's present scope.
func decide(t *testing.T, agency string, l *v1alpha1.DataSharingLink, d v1alpha1.Decision, suffix ...string) *v1alpha1.DataSharingApproval {
	t.Helper()
	if d != v1alpha1.DecisionSuspend {
		scope(t, l)
	}
	a := harness.Approval(agency, l, d)
	a.Name = strings.Join(append([]string{a.Name}, suffix...), "-")
	env.Create(t, a)
	return a
}

// again makes an approval one of the link's present scope.
func again(t *testing.T, a *v1alpha1.DataSharingApproval, l *v1alpha1.DataSharingLink) {
	t.Helper()
	scope(t, l)
	env.Merge(t, a, fmt.Sprintf(`{"spec":{"specHash":%q}}`, l.Status.SpecHash))
}

func remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := env.Admin.Delete(t.Context(), o); err != nil {
		t.Fatalf("delete %T %s: %v", o, o.GetName(), err)
	}
}

// wantPolicies waits until a link has so many policies.
func wantPolicies(t *testing.T, l *v1alpha1.DataSharingLink, n int) {
	t.Helper()
	harness.Eventually(t, func() error {
		policies, err := env.LinkPolicies(t.Context(), l)
		if err != nil {
			return err
		}
		if len(policies) != n {
			_ = env.Admin.Get(t.Context(), client.ObjectKeyFromObject(l), l)
			return fmt.Errorf("%d policies, want %d\n%s", len(policies), n, messages(l))
		}
		return nil
	})
}

// staysClosed watches for a while that a link has no policy.
func staysClosed(t *testing.T, l *v1alpha1.DataSharingLink) {
	t.Helper()
	for range 10 {
		policies, err := env.LinkPolicies(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if len(policies) > 0 {
			t.Fatalf("link %s has policies, want none: %v", l.Name, policyNames(policies))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func policyNames(objects []client.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.GetNamespace()+"/"+o.GetName())
	}
	slices.Sort(out)
	return out
}

func reason(t *testing.T, l *v1alpha1.DataSharingLink, condition, reason string) {
	t.Helper()
	status := metav1.ConditionFalse
	if slices.Contains([]string{v1alpha1.ReasonApproved, v1alpha1.ReasonNotRequired, v1alpha1.ReasonValid, v1alpha1.ReasonResolved}, reason) {
		status = metav1.ConditionTrue
	}
	env.WaitCondition(t, l, condition, status, reason)
}

// TestLinkLifecycle walks one link through everything that opens and closes it,
// and sees the pair come and go.
func TestLinkLifecycle(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "life", "C1", direct())
	link := p.link("wants")
	env.Create(t, link)
	env.WaitCondition(t, link, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonApprovalMissing)
	staysClosed(t, link)
	approval := decide(t, p.provider, link, v1alpha1.DecisionApprove)
	env.WaitReady(t, link, approval)
	wantPolicies(t, link, 2)
	if link.Status.Phase != "Open" {
		t.Errorf("phase = %q, want Open", link.Status.Phase)
	}
	t.Run("the pair is exact", func(t *testing.T) { exactPair(t, link, p) })
	t.Run("the service shows its consumer", func(t *testing.T) {
		harness.Eventually(t, func() error {
			if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p.service), p.service); err != nil {
				return err
			}
			if got, want := p.service.Status.Consumers, []string{names.Namespace(p.consumer) + "/asks"}; !slices.Equal(got, want) {
				return fmt.Errorf("consumers %v, want %v", got, want)
			}
			return nil
		})
	})
	changes := []struct{ name, spec string }{
		{"operations", `{"operations":["list","read"]}`}, {"purpose", `{"purpose":"Khác"}`}, {"legal basis", `{"legalBasis":"Luật khác"}`},
		{"term", `{"validUntil":"2099-01-01T00:00:00Z"}`}, {"rate limit", `{"rateLimit":{"requestsPerSecond":5}}`},
	}
	for _, c := range changes {
		t.Run("a changed scope closes: "+c.name, func(t *testing.T) {
			env.Merge(t, link, `{"spec":`+c.spec+`}`)
			reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalStale)
			wantPolicies(t, link, 0)
			env.WaitCondition(t, approval, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
			again(t, approval, link)
			env.WaitReady(t, link)
			wantPolicies(t, link, 2)
		})
	}
	t.Run("the provider changes what an operation is", func(t *testing.T) {
		env.Merge(t, p.service, `{"spec":{"operations":[{"name":"read","method":"GET","path":"/v2/*"},{"name":"list","method":"GET","path":"/v1/items"}]}}`)
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalStale)
		wantPolicies(t, link, 0)
		again(t, approval, link)
		wantPolicies(t, link, 2)
	})
	t.Run("suspension by either side closes", func(t *testing.T) {
		for _, agency := range []string{p.consumer, p.provider} {
			a := harness.Agency(agency, "")
			env.Merge(t, a, `{"spec":{"suspended":true}}`)
			wantPolicies(t, link, 0)
			reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSuspended)
			env.Merge(t, a, `{"spec":{"suspended":false}}`)
			wantPolicies(t, link, 2)
		}
	})
	t.Run("the provider suspends the link", func(t *testing.T) {
		suspension := decide(t, p.provider, link, v1alpha1.DecisionSuspend, "pause")
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonLinkSuspended)
		if link.Status.Phase != "Suspended" || !strings.Contains(messages(link), "Kiểm thử") {
			t.Errorf("phase %q, conditions:\n%s", link.Status.Phase, messages(link))
		}
		remove(t, suspension)
		wantPolicies(t, link, 2)
	})
	t.Run("a rejection beats the approval", func(t *testing.T) {
		rejection := decide(t, p.provider, link, v1alpha1.DecisionReject, "no")
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonRejected)
		if link.Status.Phase != "Rejected" || !strings.Contains(messages(link), "Rejected by "+rejection.Namespace+"/"+rejection.Name+` ("Kiểm thử")`) {
			t.Errorf("phase %q, conditions:\n%s", link.Status.Phase, messages(link))
		}
		remove(t, rejection)
		wantPolicies(t, link, 2)
	})
	t.Run("the service goes and comes", func(t *testing.T) {
		remove(t, p.service)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonServiceNotFound)
		p.service.ResourceVersion, p.service.UID = "", ""
		if err := env.Admin.Create(t.Context(), p.service); err != nil {
			t.Fatal(err)
		}
		// It is another service now, so the approval is for another scope.
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalStale)
		staysClosed(t, link)
		again(t, approval, link)
		wantPolicies(t, link, 2)
	})
	t.Run("revocation closes", func(t *testing.T) {
		remove(t, approval)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalMissing)
	})
	approval = decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	t.Run("expiry closes to the second", func(t *testing.T) {
		until := time.Now().Add(8 * time.Second).Truncate(time.Second)
		env.Merge(t, link, fmt.Sprintf(`{"spec":{"validUntil":%q}}`, until.UTC().Format(time.RFC3339)))
		again(t, approval, link)
		wantPolicies(t, link, 2)
		for now := time.Now(); now.Before(until); now = time.Now() {
			policies, err := env.LinkPolicies(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			if len(policies) != 2 && time.Now().Before(until) {
				t.Fatalf("%d policies %s before the end of the term", len(policies), time.Until(until))
			}
			time.Sleep(100 * time.Millisecond)
		}
		wantPolicies(t, link, 0)
		t.Logf("closed within %s of the end of the term", time.Since(until).Round(time.Millisecond))
		reason(t, link, v1alpha1.ConditionWithinValidity, v1alpha1.ReasonExpired)
		if link.Status.Phase != "Expired" {
			t.Errorf("phase = %q, want Expired", link.Status.Phase)
		}
		env.Merge(t, link, `{"spec":{"validUntil":"2099-01-01T00:00:00Z"}}`)
		again(t, approval, link)
		wantPolicies(t, link, 2)
	})
	t.Run("deletion leaves nothing", func(t *testing.T) {
		remove(t, link)
		env.WaitGone(t, link)
		wantPolicies(t, link, 0)
		env.WaitCondition(t, approval, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonLinkNotFound)
	})
}

// exactPair compares the two policies of a direct link with what they must be.
func exactPair(t *testing.T, l *v1alpha1.DataSharingLink, p pair) {
	t.Helper()
	policies, err := env.LinkPolicies(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]string{names.Namespace(p.consumer): "asks", names.Namespace(p.provider): "serves"}
	for _, o := range policies {
		np, ok := o.(*networkingv1.NetworkPolicy)
		if !ok {
			t.Fatalf("%T", o)
		}
		other := p.provider
		peers, ports := []networkingv1.NetworkPolicyPeer(nil), []networkingv1.NetworkPolicyPort(nil)
		for _, r := range np.Spec.Egress {
			peers, ports = append(peers, r.To...), append(ports, r.Ports...)
		}
		for _, r := range np.Spec.Ingress {
			peers, ports, other = append(peers, r.From...), append(ports, r.Ports...), p.consumer
		}
		if len(np.Spec.PolicyTypes) != 1 || len(peers) != 1 || len(ports) != 1 || peers[0].IPBlock != nil {
			t.Fatalf("%s/%s is no single rule: %+v", np.Namespace, np.Name, np.Spec)
		}
		ns := peers[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
		if ns != names.Namespace(other) || peers[0].PodSelector.MatchLabels[names.LabelPortal] != ends[ns] ||
			np.Spec.PodSelector.MatchLabels[names.LabelPortal] != ends[np.Namespace] || ports[0].Port.IntValue() != 8080 || *ports[0].Protocol != "TCP" {
			t.Errorf("%s/%s: %+v", np.Namespace, np.Name, np.Spec)
		}
	}
}

// TestLinkExpiresByTheClock moves the operator's clock over the end of the term
// and back.
func TestLinkExpiresByTheClock(t *testing.T) {
	var ahead atomic.Int64
	env.Operator(t, harness.OperatorOptions{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	p := newPair(t, "clock", "C2", direct())
	link := p.link("wants")
	env.Create(t, link)
	decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	for _, c := range []struct {
		offset time.Duration
		want   int
	}{{-time.Minute, 2}, {0, 0}, {time.Hour, 0}, {-time.Hour, 2}} {
		ahead.Store(int64(time.Until(link.Spec.ValidUntil.Time) + c.offset))
		touch(t, link)
		wantPolicies(t, link, c.want)
	}
}

// TestLinkInWrongOrder creates what a link rests on after it, the approval first
// of all.
func TestLinkInWrongOrder(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	env.Create(t, sharingPolicy("order", direct(), "order-asker", "order-giver"))
	a := harness.Agency("order-asker", "C31")
	env.Create(t, a)
	env.WaitReady(t, a)
	link := harness.Link("order-asker", "wants", "asks", "order-giver", "data")
	// A decision can't know the hash of what does not exist, but it can suspend.
	suspension := harness.Approval("order-asker", link, v1alpha1.DecisionSuspend)
	suspension.Name = "not-entitled"
	env.Create(t, suspension)
	env.WaitCondition(t, suspension, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonLinkNotFound)
	env.Create(t, link)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonConsumerNotFound)
	env.WaitCondition(t, suspension, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonNotEntitled)
	consumer := harness.Portal("order-asker", "asks")
	env.Create(t, consumer)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonServiceNotFound)
	b := harness.Agency("order-giver", "C32")
	env.Create(t, b)
	env.WaitReady(t, b)
	pause := harness.Approval("order-giver", link, v1alpha1.DecisionSuspend)
	pause.Name = "pause"
	env.Create(t, pause)
	service := harness.Service("order-giver", "data", "serves")
	env.Create(t, service)
	env.WaitCondition(t, service, v1alpha1.ConditionPublished, metav1.ConditionFalse, v1alpha1.ReasonPortalNotFound)
	env.Create(t, harness.Portal("order-giver", "serves"))
	env.WaitReady(t, service)
	reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonLinkSuspended)
	approval := decide(t, "order-giver", link, v1alpha1.DecisionApprove)
	staysClosed(t, link)
	remove(t, pause)
	wantPolicies(t, link, 2)
	op.WaitQuiet(t, 3*time.Second)

	t.Run("the link made anew", func(t *testing.T) {
		// Its words are the same, and yet it is another request.
		remove(t, link)
		env.WaitGone(t, link)
		env.WaitCondition(t, approval, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonLinkNotFound)
		same := harness.Link("order-asker", "wants", "asks", "order-giver", "data", func(l *v1alpha1.DataSharingLink) { l.Spec = link.Spec })
		env.Create(t, same)
		reason(t, same, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalStale)
		staysClosed(t, same)
		again(t, approval, same)
		env.WaitReady(t, same, approval)
		wantPolicies(t, same, 2)
		env.Merge(t, same, `{"spec":{"purpose":"Khác"}}`)
		wantPolicies(t, same, 0)
	})
}

// TestLinkRefusals: what policy and law forbid stays shut in spite of approvals.
func TestLinkRefusals(t *testing.T) {
	// It closes one link by many standards within minutes, which the shipped bound would hold.
	wide := settings.Default()
	wide.ImpactBound = &settings.ImpactBound{Portals: 100, Percent: 100}
	env.Operator(t, harness.OperatorOptions{Settings: &wide})
	p := newPair(t, "deny", "C4", nil, func(s *v1alpha1.DataService) { s.Spec.Classification = v1alpha1.ClassificationPersonal })
	policyOf := func(c *v1alpha1.DataSharingControl, agencies ...string) *v1alpha1.SecurityPolicy {
		return sharingPolicy("deny", c, agencies...)
	}
	requested := func(l *v1alpha1.DataSharingLink) { l.Spec.RequestedBy = harness.RequesterUser }
	link := p.link("wants", requested)
	env.Create(t, link)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonDirectNotAllowed)
	if link.Status.Phase != "Refused" {
		t.Errorf("phase = %q, want Refused", link.Status.Phase)
	}
	policy := policyOf(direct(), p.consumer)
	env.Create(t, policy)
	time.Sleep(time.Second)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonDirectNotAllowed)
	env.Merge(t, policy, fmt.Sprintf(`{"spec":{"selector":{"agencies":[%q,%q]}}}`, p.consumer, p.provider))
	decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)

	t.Run("a policy that forbids it beats one that allows", func(t *testing.T) {
		no := sharingPolicy("deny-no", &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(false)}, p.provider)
		env.Create(t, no)
		wantPolicies(t, link, 0)
		remove(t, no)
		wantPolicies(t, link, 2)
	})
	t.Run("personal data needs a legal basis", func(t *testing.T) {
		bare := p.link("bare", func(l *v1alpha1.DataSharingLink) { l.Spec.LegalBasis = "" })
		env.Create(t, bare)
		reason(t, bare, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonLegalBasisMissing)
		staysClosed(t, bare)
	})
	t.Run("and somebody who asks", func(t *testing.T) {
		nobody := p.link("nobody")
		env.Create(t, nobody)
		reason(t, nobody, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRequesterMissing)
		staysClosed(t, nobody)
	})
	t.Run("an operation that the service does not have", func(t *testing.T) {
		odd := p.link("odd", func(l *v1alpha1.DataSharingLink) { l.Spec.Operations = []string{"read", "write"} }, requested)
		env.Create(t, odd)
		reason(t, odd, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonOperationNotFound)
		if !strings.Contains(messages(odd), "no operation write; it has list, read") {
			t.Error(messages(odd))
		}
	})
	t.Run("the term is bounded", func(t *testing.T) {
		env.Merge(t, policy, `{"spec":{"dataSharing":{"maxValidity":"24h"}}}`)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionWithinValidity, v1alpha1.ReasonValidityTooLong)
		env.Merge(t, policy, `{"spec":{"dataSharing":{"maxValidity":"87600h"}}}`)
		wantPolicies(t, link, 2)
	})
	t.Run("the authority approves too", func(t *testing.T) {
		env.CreateConfirmed(t, harness.Agency(authority, "C43"))
		env.Merge(t, policy, `{"spec":{"dataSharing":{"requireAuthorityApprovalFor":["Personal"]}}}`)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionAuthorityApproved, v1alpha1.ReasonApprovalMissing)
		ours := decide(t, authority, link, v1alpha1.DecisionApprove)
		wantPolicies(t, link, 2)
		reason(t, link, v1alpha1.ConditionAuthorityApproved, v1alpha1.ReasonApproved)
		remove(t, ours)
		wantPolicies(t, link, 0)
		env.Merge(t, policy, `{"spec":{"dataSharing":{"requireAuthorityApprovalFor":null}}}`)
		wantPolicies(t, link, 2)
		central := decide(t, authority, link, v1alpha1.DecisionSuspend, "central")
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionAuthorityApproved, v1alpha1.ReasonLinkSuspended)
		remove(t, central)
		wantPolicies(t, link, 2)
	})
	t.Run("state secrets never", func(t *testing.T) {
		secret := harness.Service(p.provider, "secret", "serves", func(s *v1alpha1.DataService) { s.Spec.Classification = v1alpha1.ClassificationStateSecret })
		if err := env.Admin.Create(t.Context(), secret); !apierrors.IsInvalid(err) {
			t.Errorf("publish a state secret: %v", err)
		}
		portal := harness.Portal(p.provider, "serves")
		env.Merge(t, portal, `{"spec":{"dataClassification":"StateSecret"}}`)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonStateSecret)
		env.Merge(t, portal, `{"spec":{"dataClassification":"Internal"}}`)
		wantPolicies(t, link, 2)
	})
	t.Run("a portal that violates a policy", func(t *testing.T) {
		strict := harness.Policy("deny-strict", p.consumer, func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
		})
		env.Create(t, strict)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonEndNotCompliant)
		remove(t, strict)
		wantPolicies(t, link, 2)
	})
}

// TestLinkOverThePlatform: the route Platform goes consumer → sharing platform →
// provider and needs the platform.
func TestLinkOverThePlatform(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "via", "C5", nil)
	link := p.link("wants", func(l *v1alpha1.DataSharingLink) { l.Spec.Route = v1alpha1.RoutePlatform })
	env.Create(t, link)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRouteNotAvailable)
	hub := harness.Agency("via-hub", "C53")
	env.Create(t, hub)
	env.WaitReady(t, hub)
	portal := harness.Portal("via-hub", "axis", provides("via-hub-axis"), func(p *v1alpha1.AgencyPortal) { p.Spec.Port = 9443 })
	platform := sharedPlatform("via-hub", "axis", "DataSharing", "exchange of data")
	env.Create(t, portal, platform)
	env.WaitReady(t, portal)
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	approval := decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 4)
	policies, err := env.LinkPolicies(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, o := range policies {
		seen[o.GetNamespace()]++
	}
	if seen["agency-via-hub"] != 2 || seen[names.Namespace(p.consumer)] != 1 || seen[names.Namespace(p.provider)] != 1 {
		t.Errorf("policies per namespace: %v", seen)
	}
	t.Run("another platform needs another approval", func(t *testing.T) {
		second := harness.Portal("via-hub", "second", provides("via-hub-axis"))
		env.Create(t, second)
		env.WaitReady(t, second)
		env.Merge(t, platform, `{"spec":{"endpoint":{"portal":{"name":"second"}}}}`)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionProviderApproved, v1alpha1.ReasonApprovalStale)
		env.Merge(t, platform, `{"spec":{"endpoint":{"portal":{"name":"axis"}}}}`)
		wantPolicies(t, link, 4)
	})
	t.Run("a duplicate carries nothing", func(t *testing.T) {
		original := sharedPlatform("via-hub", "original", "Exchange", "exchange of papers", func(s *v1alpha1.SharedPlatform) {
			s.Spec.Endpoint = v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.8/32"}, Port: 443}}
		})
		env.Create(t, original)
		env.WaitReady(t, original)
		// Only a platform that is older than the original is none of its duplicates.
		remove(t, platform)
		env.WaitGone(t, platform)
		wantPolicies(t, link, 0)
		time.Sleep(time.Second) // The age is in seconds.
		agreeAnew(t, portal, platform)
		platform.ResourceVersion, platform.UID, platform.Spec.Capability = "", "", original.Spec.Capability
		if err := env.Admin.Create(t.Context(), platform); err != nil {
			t.Fatal(err)
		}
		env.WaitCondition(t, platform, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOf)
		reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRouteNotAvailable)
		// When the original becomes another platform, this one is a duplicate no more.
		env.Merge(t, original, `{"spec":{"capability":"exchange of letters"}}`)
		wantPolicies(t, link, 4)
		env.Merge(t, original, `{"spec":{"capability":"exchange of papers"}}`)
		wantPolicies(t, link, 0)
		remove(t, original)
		wantPolicies(t, link, 4)
	})
	t.Run("the platform goes", func(t *testing.T) {
		env.Merge(t, hub, `{"spec":{"suspended":true}}`)
		wantPolicies(t, link, 0)
		env.Merge(t, hub, `{"spec":{"suspended":false}}`)
		wantPolicies(t, link, 4)
		remove(t, platform)
		wantPolicies(t, link, 0)
		reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRouteNotAvailable)
	})
	_ = approval
}

// agreeAnew takes a portal's consent to a platform back and gives it to what is
// there now: it is to one object.
func agreeAnew(t *testing.T, portal *v1alpha1.AgencyPortal, platform *v1alpha1.SharedPlatform) {
	t.Helper()
	env.Merge(t, portal, `{"spec":{"providesPlatforms":null}}`)
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(portal), portal); err != nil {
			return err
		}
		if len(portal.Status.PlatformConsents) > 0 {
			return fmt.Errorf("portal %s still agrees to %v", portal.Name, portal.Status.PlatformConsents)
		}
		return nil
	})
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"providesPlatforms":[%q]}}`, platform.Name))
}

func sharedPlatform(agency, portal string, platformType v1alpha1.PlatformType, capability string, modify ...func(*v1alpha1.SharedPlatform)) *v1alpha1.SharedPlatform {
	s := &v1alpha1.SharedPlatform{
		ObjectMeta: metav1.ObjectMeta{Name: agency + "-" + portal},
		Spec: v1alpha1.SharedPlatformSpec{
			DisplayName: v1alpha1.Text("Nền tảng " + capability), Type: platformType, OwnerRef: v1alpha1.AgencyReference{Name: v1alpha1.AgencyName(agency)},
			Scope: "National", Capability: v1alpha1.Text(capability),
			Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: v1alpha1.AgencyName(agency), Name: v1alpha1.ObjectName(portal)}},
		},
	}
	for _, f := range modify {
		f(s)
	}
	return s
}
