package threats

import (
	"fmt"
	"net/netip"
	"reflect"
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
	"github.com/govplatform/govplatform/test/harness"
)

const byApproverPolicy = "govplatform-sharing-approver"

// shared is a consumer and a provider with a direct link that nobody approved.
type shared struct {
	consumer, provider string
	service            *v1alpha1.DataService
	link               *v1alpha1.DataSharingLink
}

func newShared(t *testing.T, name string) shared {
	t.Helper()
	s := shared{consumer: name + "asks", provider: name + "gives"}
	env.Create(t, harness.Policy("sharing-"+name, "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = []v1alpha1.AgencyName{v1alpha1.AgencyName(s.consumer), v1alpha1.AgencyName(s.provider)}
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	}))
	newAgency(t, s.consumer, code(name, 1))
	newAgency(t, s.provider, code(name, 2))
	asks, gives := harness.Portal(s.consumer, "asks", small), harness.Portal(s.provider, "gives", small)
	env.Create(t, asks, gives)
	env.WaitReady(t, asks, gives)
	s.service = harness.Service(s.provider, "data", "gives")
	env.Create(t, s.service)
	env.WaitReady(t, s.service)
	s.link = harness.Link(s.consumer, "link", "asks", s.provider, "data")
	env.Create(t, s.link)
	s.waitScope(t)
	return s
}

func code(name string, n int) func(*v1alpha1.Agency) {
	return func(a *v1alpha1.Agency) { a.Spec.Code = fmt.Sprintf("Z9%d%s", n, strings.ToUpper(name)) }
}

func (s *shared) waitScope(t *testing.T) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(s.link), s.link); err != nil {
			return err
		}
		if s.link.Status.SpecHash == "" || s.link.Status.ObservedGeneration != s.link.Generation {
			return fmt.Errorf("no scope: %+v", s.link.Status.Conditions)
		}
		return nil
	})
}

func (s *shared) approve(t *testing.T) *v1alpha1.DataSharingApproval {
	t.Helper()
	a := harness.Approval(s.provider, s.link, v1alpha1.DecisionApprove)
	env.Create(t, a)
	waitPair(t, s.link, 2)
	return a
}

// pairOf lists a link's policies by its name, so also those of an earlier link.
func pairOf(t *testing.T, l *v1alpha1.DataSharingLink) []networkingv1.NetworkPolicy {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &list, client.MatchingLabels{
		names.LabelOwnerKind: "DataSharingLink", names.LabelOwnerNamespace: l.Namespace, names.LabelOwnerName: l.Name,
	}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func waitPair(t *testing.T, l *v1alpha1.DataSharingLink, n int) {
	t.Helper()
	harness.Eventually(t, func() error {
		if got := len(pairOf(t, l)); got != n {
			return fmt.Errorf("%d policies of %s/%s, want %d", got, l.Namespace, l.Name, n)
		}
		return nil
	})
}

func staysShut(t *testing.T, l *v1alpha1.DataSharingLink) {
	t.Helper()
	never(t, 2*time.Second, func() error {
		if got := pairOf(t, l); len(got) > 0 {
			return fmt.Errorf("%s/%s has %d policies, want none", l.Namespace, l.Name, len(got))
		}
		return nil
	})
}

// TestThreat28_EitherSideWithdrawsBothHalves: whoever deletes or changes its
// side closes both, and nothing but a new approval opens a changed scope.
func TestThreat28_EitherSideWithdrawsBothHalves(t *testing.T) {
	operate(t)
	s := newShared(t, "t28a")
	approval, parent := s.approve(t), t
	t.Run("the consumer widens its request", func(t *testing.T) {
		c := mallory(t, s.consumer)
		if err := c.Patch(t.Context(), s.link, harness.MergePatch(`{"spec":{"operations":["read","list"]}}`)); err != nil {
			t.Fatal(err)
		}
		waitPair(t, s.link, 0)
		staysShut(t, s.link)
		s.waitScope(t)
		env.Merge(t, approval, fmt.Sprintf(`{"spec":{"specHash":%q}}`, s.link.Status.SpecHash))
		waitPair(t, s.link, 2)
	})
	t.Run("the provider revokes", func(t *testing.T) {
		if err := mallory(t, s.provider).Delete(t.Context(), approval); err != nil {
			t.Fatal(err)
		}
		waitPair(t, s.link, 0)
		staysShut(t, s.link)
		approval = s.approve(parent)
	})
	t.Run("the provider's portal is made anew", func(t *testing.T) {
		portal := harness.Portal(s.provider, "gives", small)
		if err := env.Admin.Delete(t.Context(), portal); err != nil {
			t.Fatal(err)
		}
		env.WaitGone(t, portal)
		waitPair(t, s.link, 0)
		env.Create(parent, portal)
		env.WaitReady(t, portal)
		env.WaitCondition(t, s.link, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
		staysShut(t, s.link)
		env.Merge(t, approval, fmt.Sprintf(`{"spec":{"specHash":%q}}`, s.link.Status.SpecHash))
		waitPair(t, s.link, 2)
	})
	t.Run("the consumer deletes the link", func(t *testing.T) {
		if err := mallory(t, s.consumer).Delete(t.Context(), s.link); err != nil {
			t.Fatal(err)
		}
		waitPair(t, s.link, 0)
		env.WaitGone(t, s.link)
	})
}

// TestThreat28_LinkWithoutFinalizer: the consumer takes the finalizer off and
// deletes its link, so that nobody is left who would close it.
func TestThreat28_LinkWithoutFinalizer(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("operator away %v", restart), func(t *testing.T) {
			operate(t)
			s := newShared(t, map[bool]string{false: "t28b", true: "t28c"}[restart])
			approval := s.approve(t)
			stopOperator(t)
			c := mallory(t, s.consumer)
			if err := c.Patch(t.Context(), s.link, harness.MergePatch(`{"metadata":{"finalizers":null}}`)); err != nil {
				t.Fatal(err)
			}
			if !restart {
				operate(t)
			}
			if err := c.Delete(t.Context(), s.link); err != nil {
				t.Fatal(err)
			}
			if restart {
				if err := env.Admin.Delete(t.Context(), approval); err != nil {
					t.Fatal(err)
				}
			}
			operate(t)
			waitPair(t, s.link, 0)
			absent(t, s.link)
		})
	}
}

// TestThreat28_LinkMadeAnewBehindTheOperator: the link is replaced by one of the
// same name that nobody approved while the operator looks away.
// Fails without RemoveOrphans in the round of a link: the half at the provider stays.
func TestThreat28_LinkMadeAnewBehindTheOperator(t *testing.T) {
	operate(t)
	s := newShared(t, "t28d")
	s.approve(t)
	stopOperator(t)
	c := mallory(t, s.consumer)
	if err := c.Patch(t.Context(), s.link, harness.MergePatch(`{"metadata":{"finalizers":null}}`)); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), s.link); err != nil {
		t.Fatal(err)
	}
	absent(t, s.link)
	anew := harness.Link(s.consumer, "link", "asks", s.provider, "data", func(l *v1alpha1.DataSharingLink) { l.Spec.Operations = []string{"read", "list"} })
	env.Create(t, anew)
	operate(t)
	waitPair(t, anew, 0)
	env.WaitCondition(t, anew, v1alpha1.ConditionProviderApproved, metav1.ConditionFalse, v1alpha1.ReasonApprovalStale)
	staysShut(t, anew)
}

// TestThreat28_ForgedApproval: nobody decides in another's name, and nobody
// outside the two sides decides at all.
func TestThreat28_ForgedApproval(t *testing.T) {
	operate(t)
	s := newShared(t, "t28e")
	newAgency(t, "t28third", code("third", 3))
	forged := func(agency, approver string) *v1alpha1.DataSharingApproval {
		a := harness.Approval(agency, s.link, v1alpha1.DecisionApprove)
		a.Name, a.Spec.Approver = "forged", approver
		return a
	}
	t.Run("in another's name", func(t *testing.T) {
		a := forged(s.provider, "director@"+s.provider)
		refused(t, "approve in another's name", mallory(t, s.provider).Create(t.Context(), a), byApproverPolicy)
		refused(t, "with full rights", fullRights(t, s.provider).Create(t.Context(), forged(s.provider, "director@"+s.provider)), byApproverPolicy)
		absent(t, a)
	})
	t.Run("by a change of the director's decision", func(t *testing.T) {
		a := forged(s.provider, harness.AdminUser)
		a.Spec.Decision = v1alpha1.DecisionReject
		env.Create(t, a)
		c := mallory(t, s.provider)
		refused(t, "turn a rejection into an approval", c.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Approve"}}`)), byApproverPolicy)
		refused(t, "put another hash under it", c.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"spec":{"specHash":"sha256:`+strings.Repeat("a", 64)+`"}}`)), byApproverPolicy)
		refused(t, "name the director", c.Patch(t.Context(), a.DeepCopy(), harness.MergePatch(`{"spec":{"decision":"Approve","approver":"director"}}`)), byApproverPolicy)
		if got := harness.Stored(t, env, a); got.Spec.Decision != v1alpha1.DecisionReject || got.Spec.Approver != harness.AdminUser {
			t.Errorf("stored: %+v", got.Spec)
		}
		if err := env.Admin.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("by the consumer and by a third agency", func(t *testing.T) {
		for _, agency := range []string{s.consumer, "t28third"} {
			a := forged(agency, malloryOf(agency))
			err := mallory(t, agency).Create(t.Context(), a)
			if agency == s.consumer {
				refused(t, "approve the own request", err, byApproverPolicy)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			env.WaitCondition(t, a, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonNotEntitled)
			if err := mallory(t, "t28third").Create(t.Context(), forged(s.provider, malloryOf("t28third"))); !apierrors.IsForbidden(err) {
				t.Errorf("a third agency approves in the provider's namespace: %v", err)
			}
		}
		elsewhere := env.Namespace(t, "t28-nobodys")
		a := forged("", harness.AdminUser)
		a.Namespace = elsewhere.Name
		env.Create(t, a)
		env.WaitCondition(t, a, v1alpha1.ConditionBound, metav1.ConditionFalse, v1alpha1.ReasonNotEntitled)
		staysShut(t, s.link)
	})
	t.Run("a third agency's suspension", func(t *testing.T) {
		s.approve(t)
		a := harness.Approval("t28third", s.link, v1alpha1.DecisionSuspend)
		a.Name, a.Spec.Approver = "suspend", malloryOf("t28third")
		if err := mallory(t, "t28third").Create(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		never(t, time.Second, func() error {
			if got := len(pairOf(t, s.link)); got != 2 {
				return fmt.Errorf("%d policies: a third agency closed the link", got)
			}
			return nil
		})
	})
	t.Run("forged status", func(t *testing.T) {
		refused(t, "forge the link's status", fullRights(t, s.consumer).Status().Patch(t.Context(), s.link.DeepCopy(), harness.MergePatch(`{"status":{"inventory":[]}}`)), byStatusPolicy)
	})
}

// TestThreat30_NoEmptyPeer: what can't be resolved gets no rule and a named
// reason, and no rule of the operator is ever without peers or ports.
func TestThreat30_NoEmptyPeer(t *testing.T) {
	operate(t)
	s := newShared(t, "t30")
	s.approve(t)
	for name, c := range map[string]struct {
		modify func(*v1alpha1.DataSharingLink)
		reason string
	}{
		"no such service":   {func(l *v1alpha1.DataSharingLink) { l.Spec.Provider.Service = "nothing" }, v1alpha1.ReasonServiceNotFound},
		"no such agency":    {func(l *v1alpha1.DataSharingLink) { l.Spec.Provider.Agency = "nobody" }, v1alpha1.ReasonServiceNotFound},
		"no such portal":    {func(l *v1alpha1.DataSharingLink) { l.Spec.Consumer.PortalRef.Name = "nothing" }, v1alpha1.ReasonConsumerNotFound},
		"no such operation": {func(l *v1alpha1.DataSharingLink) { l.Spec.Operations = []string{"erase"} }, v1alpha1.ReasonOperationNotFound},
		"no platform":       {func(l *v1alpha1.DataSharingLink) { l.Spec.Route = v1alpha1.RoutePlatform }, v1alpha1.ReasonRouteNotAvailable},
	} {
		t.Run(name, func(t *testing.T) {
			l := harness.Link(s.consumer, strings.ReplaceAll(name, " ", "-"), "asks", s.provider, "data", c.modify)
			env.Create(t, l)
			env.WaitCondition(t, l, v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, c.reason)
			staysShut(t, l)
		})
	}
	t.Run("addresses that are none", func(t *testing.T) {
		for name, cidrs := range map[string][]v1alpha1.CIDR{"empty": {}, "text": {"everywhere"}, "everyone": {"0.0.0.0/0"}, "everyone6": {"::/0"}, "host bits": {"192.0.2.7/24"}, "metadata": {"169.254.169.254/32"}, "loopback": {"127.0.0.0/8"}, "link local": {"fe80::/64"}, "multicast": {"224.0.1.0/24"}, "around metadata": {"169.0.0.0/8"}, "one of two": {"192.0.2.0/24", "x"}} {
			p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "t30-" + strings.ReplaceAll(name, " ", "-")}, Spec: v1alpha1.SharedPlatformSpec{
				DisplayName: "x", Type: "Reporting", OwnerRef: v1alpha1.AgencyReference{Name: "t30gives"}, Capability: v1alpha1.Text(name),
				Endpoint: v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: cidrs, Port: 443}},
			}}
			if err := env.Admin.Create(t.Context(), p); !apierrors.IsInvalid(err) {
				t.Errorf("addresses %v: %v", cidrs, err)
			}
			absent(t, p)
		}
	})
	t.Run("no empty lists for links", func(t *testing.T) {
		l := harness.Link(s.consumer, "empty", "asks", s.provider, "data", func(l *v1alpha1.DataSharingLink) { l.Spec.Operations = []string{} })
		if err := env.Admin.Create(t.Context(), l); !apierrors.IsInvalid(err) {
			t.Errorf("a link without operations: %v", err)
		}
	})
	everyRuleHasPeers(t)
}

func everyRuleHasPeers(t *testing.T) {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	if err := env.Admin.List(t.Context(), &list, client.MatchingLabels{names.LabelManagedBy: names.ManagedBy}); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatal("no policy to look at")
	}
	for i := range list.Items {
		p := &list.Items[i]
		check := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
			if len(peers) == 0 || len(ports) == 0 {
				t.Errorf("%s/%s has a rule for everyone: %+v", p.Namespace, p.Name, p.Spec)
			}
			for _, peer := range peers {
				named := peer.NamespaceSelector != nil && peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] != ""
				block := false
				if peer.IPBlock != nil {
					prefix, err := netip.ParsePrefix(peer.IPBlock.CIDR)
					block = err == nil && prefix.Bits() >= 8
				}
				if named == block {
					t.Errorf("%s/%s names no namespace and no block: %+v", p.Namespace, p.Name, peer)
				}
			}
		}
		for _, r := range p.Spec.Egress {
			check(r.To, r.Ports)
		}
		for _, r := range p.Spec.Ingress {
			check(r.From, r.Ports)
		}
	}
}

// TestThreat31_DatasetTheft: a dataset has one owner; the second claim is told
// whose it is, whatever it does, and gets no traffic.
func TestThreat31_DatasetTheft(t *testing.T) {
	op := operate(t)
	s := newShared(t, "t31")
	s.approve(t)
	newAgency(t, "t31thief", code("thief", 4))
	portal := harness.Portal("t31thief", "gives", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	thief := mallory(t, "t31thief")
	time.Sleep(time.Second) // The age is in seconds.
	theft := harness.Service("t31thief", "aaa", "gives", func(d *v1alpha1.DataService) { d.Spec.Dataset = s.service.Spec.Dataset })
	if err := thief.Create(t.Context(), theft); err != nil {
		t.Fatal(err)
	}
	conflict := func() {
		t.Helper()
		env.WaitCondition(t, theft, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
		if c := conditionOf(theft, v1alpha1.ConditionDatasetOwned); !strings.Contains(c.Message, s.service.Namespace+"/"+s.service.Name) {
			t.Errorf("the conflict does not name the owner: %s", c.Message)
		}
	}
	conflict()
	link := harness.Link(s.consumer, "theft", "asks", "t31thief", "aaa")
	env.Create(t, link)
	env.WaitCondition(t, link, v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, v1alpha1.ReasonServiceNotFound)
	op.WaitQuiet(t, 2*time.Second)
	before := harness.Stored(t, env, s.service).DeepCopy()
	for i := range 3 {
		if err := thief.Delete(t.Context(), theft); err != nil {
			t.Fatal(err)
		}
		theft = harness.Service("t31thief", fmt.Sprintf("aaa%d", i), "gives", func(d *v1alpha1.DataService) { d.Spec.Dataset = s.service.Spec.Dataset })
		if err := thief.Create(t.Context(), theft); err != nil {
			t.Fatal(err)
		}
		conflict()
	}
	op.WaitQuiet(t, 2*time.Second)
	untouched(t, before)
	if got := len(pairOf(t, s.link)); got != 2 {
		t.Errorf("the owner's link has %d policies, want 2", got)
	}
	staysShut(t, link)
}

// TestThreat01_ForeignReferences: there is no field in which a tenant's resource
// could name what another namespace has; what looks like one is refused.
func TestThreat01_ForeignReferences(t *testing.T) {
	op := operate(t)
	newAgency(t, "t01")
	newAgency(t, "t01victim", code("victim", 5))
	secret := &corev1.Secret{ObjectMeta: in("t01victim", "prize"), StringData: map[string]string{"k": "v"}}
	env.Create(t, secret)
	c := mallory(t, "t01")
	op.Requests.Reset()
	victim := names.Namespace("t01victim")
	for name, o := range map[string]client.Object{
		"portal of a service": harness.Service("t01", "a", victim+"/portal"),
		"portal of a link":    harness.Link("t01", "b", victim+"/portal", "t01victim", "data"),
		"service of a link":   harness.Link("t01", "c", "portal", "t01victim", victim+"/data"),
		"platform of a portal": harness.Portal("t01", "d", func(p *v1alpha1.AgencyPortal) {
			p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(victim + "/x")}}
		}),
	} {
		if err := c.Create(t.Context(), o); !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
		absent(t, o)
	}
	// A resource in the own namespace whose reference exists only elsewhere waits.
	service := harness.Service("t01", "lonely", "portal")
	if err := c.Create(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, service, v1alpha1.ConditionPublished, metav1.ConditionFalse, v1alpha1.ReasonPortalNotFound)
	for _, r := range op.Requests.Reads() {
		if strings.Contains(r.Path, "secrets") || strings.Contains(r.Path, "configmaps") || strings.Contains(r.Path, victim) {
			t.Errorf("the operator read %s on the tenant's behalf", r.Path)
		}
	}
	untouched(t, harness.Stored(t, env, secret))
}

// TestThreat02_EveryReferenceField walks all types of the API. A field that
// names something is listed here with why it can't point into another
// namespace; a new one fails until somebody thought about it.
func TestThreat02_EveryReferenceField(t *testing.T) {
	kinds := []any{v1alpha1.AgencySpec{}, v1alpha1.SecurityPolicySpec{}, v1alpha1.AgencyPortalSpec{}, v1alpha1.DataServiceSpec{},
		v1alpha1.DataSharingLinkSpec{}, v1alpha1.DataSharingApprovalSpec{}, v1alpha1.SharedPlatformSpec{}}
	registered := registeredKinds(t)
	if len(kinds) != len(registered) {
		t.Fatalf("the API has the kinds %v, and the test walks %d of them: add the new one", registered, len(kinds))
	}
	w := &walk{found: map[string]string{}, seen: map[reflect.Type]bool{}}
	for _, k := range kinds {
		w.visit(reflect.TypeOf(k), reflect.TypeOf(k).Name())
	}
	// Where two kinds share a type, it is reported once, under its own name.
	want := map[string]string{
		"AgencyReference.name":               "cluster-scoped Agency, public",
		"LocalReference.name":                "own namespace",
		"LinkReference.namespace":            "public: the link says itself who its provider is, and an approval counts only in that provider's namespace or the authority's",
		"LinkReference.name":                 "see its namespace",
		"LinkProvider.agency":                "public catalogue entry",
		"LinkProvider.service":               "public catalogue entry",
		"PortalEndpoint.agency":              "written by the authority, cluster-scoped kind",
		"PortalEndpoint.name":                "written by the authority, cluster-scoped kind",
		"AgencyPortalSpec.providesPlatforms": "cluster-scoped SharedPlatform, public: it agrees, and gives no right",
		"DatasetOwner.dataset":               "a name, no object",
		"DatasetOwner.agency":                "written by the authority",
		"PlatformReference.name":             "cluster-scoped SharedPlatform, public",
		"DataServiceSpec.dataset":            "a name, no object",
		"DataServiceSpec.serviceCode":        "a name, no object",
		"SharedPlatformSpec.agencies":        "written by the authority",
		"PolicySelector.agencies":            "written by the authority",
		"EnvVarSource.configMapKeyRef":       "KeySelector",
		"EnvVarSource.secretKeyRef":          "KeySelector",
		"KeySelector.name":                   "own namespace: pods can't reach another's",
		"CertificateControl.issuerRef":       "IssuerReference, written by the authority",
		"IssuerReference.name":               "cluster-scoped issuer, written by the authority",
		"ParentReference.name":               "cluster-scoped Agency, written by the platform team",
		"AgencyPortalSpec.platformRefs":      "list of PlatformReference",
		"AgencySpec.parentRef":               "AgencyReference",
		"AgencySpec.adoptNamespace":          "a UID, written by the platform team: only the agency's own namespace, whose owner is gone",
		"AgencyQuota.secrets":                "a number of them",
		"AgencyQuota.configMaps":             "a number of them",
		"ServiceAccountReference.namespace":  "written by the platform team; another agency's namespace is refused",
		"ServiceAccountReference.name":       "see its namespace",
		"SharedPlatformSpec.ownerRef":        "AgencyReference",
		"DataServiceSpec.portalRef":          "LocalReference",
		"LinkConsumer.portalRef":             "LocalReference",
		"DataSharingApprovalSpec.linkRef":    "LinkReference",
	}
	for field, typ := range w.found {
		if want[field] == "" {
			t.Errorf("%s (%s) may be a reference: say here why it can't point into another namespace, or give it another type", field, typ)
		}
	}
	for field := range want {
		if w.found[field] == "" {
			t.Errorf("%s is listed and does not exist any more", field)
		}
	}
}

// walk collects fields that name objects.
type walk struct {
	found map[string]string
	seen  map[reflect.Type]bool
}

// referring are names of fields that say "this is somewhere else", whatever
// their type.
var referring = []string{"ref", "refs", "namespace", "secret", "configmap", "selector", "serviceaccount", "agency", "agencies", "portal", "service"}

func (w *walk) visit(t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || w.seen[t] {
		return
	}
	w.seen[t] = true
	if !strings.HasSuffix(t.PkgPath(), "api/v1alpha1") {
		// Foreign types could bring references with them.
		switch t.String() {
		case "v1.Time", "v1.Duration", "resource.Quantity", "resource.infDecAmount", "v1.LabelSelector":
		default:
			w.found[path] = t.String()
		}
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		elem := f.Type
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		if key := t.Name() + "." + name; refers(name, elem) || name == "name" && (strings.Contains(t.Name(), "Reference") || strings.Contains(t.Name(), "Selector")) {
			w.found[key] = f.Type.String()
		}
		w.visit(f.Type, t.Name()+"."+name)
	}
}

// refers tells whether a field names an object: by its type or by its name. A
// field of a struct that only groups others does not count, its fields do.
func refers(name string, t reflect.Type) bool {
	lower := strings.ToLower(name)
	byName := slices.ContainsFunc(referring, func(part string) bool {
		return lower == part || strings.HasSuffix(lower, part) && part != "service" && part != "portal" || part == "secret" && strings.Contains(lower, part) || part == "configmap" && strings.Contains(lower, part)
	})
	if t.Kind() == reflect.Struct {
		return strings.HasSuffix(lower, "ref") || strings.HasSuffix(lower, "refs")
	}
	return byName && t.Kind() != reflect.Bool || t == reflect.TypeFor[v1alpha1.ObjectName]() || t == reflect.TypeFor[v1alpha1.AgencyName]()
}

func registeredKinds(t *testing.T) []string {
	t.Helper()
	var out []string
	for kind := range env.Admin.Scheme().KnownTypes(v1alpha1.GroupVersion) {
		if known, ok := env.Admin.Scheme().KnownTypes(v1alpha1.GroupVersion)[kind+"List"]; ok && known != nil {
			out = append(out, kind)
		}
	}
	slices.Sort(out)
	return out
}
