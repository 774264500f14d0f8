package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// wantFlows waits until a portal has so many policies beyond deny and base.
func wantFlows(t *testing.T, p *v1alpha1.AgencyPortal, n int) {
	t.Helper()
	harness.Eventually(t, func() error {
		flows, err := env.PortalFlows(t.Context(), p)
		if err != nil {
			return err
		}
		if len(flows) != n {
			return fmt.Errorf("flows %v, want %d", policyNames(flows), n)
		}
		return nil
	})
}

// wantConsumers waits until a platform counts so many portals.
func wantConsumers(t *testing.T, p *v1alpha1.SharedPlatform, n int32) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		if p.Status.Consumers != n {
			return fmt.Errorf("platform %s has %d consumers, want %d", p.Name, p.Status.Consumers, n)
		}
		return nil
	})
}

// TestPlatformReferences: a portal reaches the platforms that it references, and
// only while they are there for it.
func TestPlatformReferences(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	user, owner := harness.Agency("refs-user", "D11"), harness.Agency("refs-owner", "D12")
	env.Create(t, user, owner)
	env.WaitReady(t, user, owner)
	portal := harness.Portal("refs-user", "portal", func(p *v1alpha1.AgencyPortal) {
		p.Spec.CitizenLogin = true
		p.Spec.PublicServices = []v1alpha1.PublicService{{ProcedureCode: "1.000001", Name: "Cấp phép", Level: 4, Fee: true}}
	})
	env.Create(t, portal)
	env.WaitCondition(t, portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	if len(portal.Status.Findings) != 2 {
		t.Errorf("findings %+v, want identity and payment", portal.Status.Findings)
	}
	env.Merge(t, portal, `{"spec":{"platformRefs":[{"name":"refs-owner-identity"},{"name":"refs-payment"}]}}`)
	env.WaitCondition(t, portal, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonPlatformNotFound)

	serving := harness.Portal("refs-owner", "identity", provides("refs-owner-identity"), func(p *v1alpha1.AgencyPortal) { p.Spec.Port = 9000 })
	identity := sharedPlatform("refs-owner", "identity", v1alpha1.PlatformIdentity, "identify citizens")
	payment := sharedPlatform("refs-owner", "payment", v1alpha1.PlatformPayment, "take fees", func(s *v1alpha1.SharedPlatform) {
		s.Name = "refs-payment"
		s.Spec.Endpoint = v1alpha1.PlatformEndpoint{External: &v1alpha1.ExternalEndpoint{CIDRs: []v1alpha1.CIDR{"192.0.2.7/32"}, Port: 443}}
	})
	env.Create(t, payment, identity)
	env.WaitCondition(t, portal, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonPlatformUnavailable)
	wantFlows(t, portal, 1)
	env.Create(t, serving)
	env.WaitReady(t, serving, identity, payment, portal)
	wantFlows(t, portal, 3)

	closes := func(name string, closing, opening func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			closing(t)
			wantFlows(t, portal, 1)
			env.WaitCondition(t, portal, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, "")
			opening(t)
			wantFlows(t, portal, 3)
			env.WaitReady(t, portal)
		})
	}
	patch := func(o client.Object, p string) func(t *testing.T) {
		return func(t *testing.T) { t.Helper(); env.Merge(t, o, p) }
	}
	closes("the owner is suspended", patch(owner, `{"spec":{"suspended":true}}`), patch(owner, `{"spec":{"suspended":false}}`))
	closes("the platform's portal goes", func(t *testing.T) { t.Helper(); remove(t, serving); env.WaitGone(t, serving) }, func(t *testing.T) {
		t.Helper()
		serving.ResourceVersion, serving.UID = "", ""
		if err := env.Admin.Create(t.Context(), serving); err != nil {
			t.Fatal(err)
		}
	})
	closes("its agency takes its consent back", patch(serving, `{"spec":{"providesPlatforms":null}}`), patch(serving, `{"spec":{"providesPlatforms":["refs-owner-identity"]}}`))
	closes("the platform is for others", patch(identity, `{"spec":{"agencies":["refs-owner"]}}`), patch(identity, `{"spec":{"agencies":["refs-owner","refs-user"]}}`))
	t.Run("the addresses leave the declared networks", func(t *testing.T) {
		env.Merge(t, payment, `{"spec":{"endpoint":{"external":{"cidrs":["198.51.100.7/32"]}}}}`)
		wantFlows(t, portal, 2)
		env.WaitCondition(t, payment, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOutsideNetworks)
		env.Merge(t, payment, `{"spec":{"endpoint":{"external":{"cidrs":["192.0.2.7/32"]}}}}`)
		wantFlows(t, portal, 3)
	})
	t.Run("the reference goes", func(t *testing.T) {
		env.Merge(t, portal, `{"spec":{"platformRefs":[{"name":"refs-payment"}],"citizenLogin":false}}`)
		wantFlows(t, portal, 1)
		env.Merge(t, portal, `{"spec":{"platformRefs":[{"name":"refs-owner-identity"},{"name":"refs-payment"}]}}`)
		wantFlows(t, portal, 3)
	})
	t.Run("the platform counts its consumers", func(t *testing.T) {
		wantConsumers(t, identity, 1)
	})
	// Fails when only the portal's spec is an event: the policy lets the newest spec run, and the spec stays.
	t.Run("the platform counts what runs", func(t *testing.T) {
		standard := harness.Policy("refs-images", "refs-user", func(s *v1alpha1.SecurityPolicy) {
			s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}}
		})
		env.Create(t, standard)
		env.WaitReady(t, standard)
		image := "other.example.gov.vn/portal@sha256:" + strings.Repeat("1", 64)
		env.Merge(t, portal, `{"spec":{"image":"`+image+`","platformRefs":[{"name":"refs-payment"}]}}`)
		env.WaitCondition(t, portal, v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
		time.Sleep(2 * time.Second) // longer than counts are collected
		wantConsumers(t, identity, 1)
		env.Merge(t, standard, `{"spec":{"images":{"allowedRegistries":["registry.platform.example.gov.vn","other.example.gov.vn"]}}}`)
		wantConsumers(t, identity, 0)
		env.Merge(t, portal, `{"spec":{"image":"`+harness.Image+`","platformRefs":[{"name":"refs-owner-identity"},{"name":"refs-payment"}]}}`)
		wantConsumers(t, identity, 1)
	})
	t.Run("the user is suspended", func(t *testing.T) {
		env.Merge(t, user, `{"spec":{"suspended":true}}`)
		wantFlows(t, portal, 0)
		env.Merge(t, user, `{"spec":{"suspended":false}}`)
		wantFlows(t, portal, 3)
	})
	t.Run("the user goes", func(t *testing.T) {
		uid := portal.UID
		remove(t, portal)
		env.WaitGone(t, portal)
		portal.UID = uid
		wantFlows(t, portal, 0)
	})
}

// TestDatasetHasOneOwner: the first service keeps the dataset, however often
// anything is looked at again, until it goes.
func TestDatasetHasOneOwner(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "own", "D2", direct())
	rival := harness.Agency("own-rival", "D23")
	env.Create(t, rival)
	env.WaitReady(t, rival)
	rivals := harness.Portal("own-rival", "serves")
	env.Create(t, rivals)
	env.WaitReady(t, rivals)
	time.Sleep(time.Second) // The age is in seconds.
	second := harness.Service("own-rival", "data", "serves", func(s *v1alpha1.DataService) { s.Spec.Dataset = p.service.Spec.Dataset })
	env.Create(t, second)
	env.WaitCondition(t, second, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	if c := meta.FindStatusCondition(second.Status.Conditions, v1alpha1.ConditionDatasetOwned); c == nil || !strings.Contains(c.Message, p.service.Namespace+"/"+p.service.Name) {
		t.Errorf("the conflict does not name the owner: %+v", c)
	}
	link := harness.Link(p.consumer, "stolen", "asks", "own-rival", "data")
	env.Create(t, link)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonServiceNotFound)
	env.WaitReady(t, p.service)
	revision := p.service.ResourceVersion
	for range 5 {
		touch(t, second)
		env.Merge(t, second, fmt.Sprintf(`{"spec":{"serviceCode":"data-%d"}}`, time.Now().UnixNano()%1000))
	}
	op.WaitQuiet(t, 2*time.Second)
	if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(p.service), p.service); err != nil || p.service.ResourceVersion != revision {
		t.Errorf("the owner was written again: %v", err)
	}
	remove(t, p.service)
	env.WaitCondition(t, second, v1alpha1.ConditionDatasetOwned, metav1.ConditionTrue, v1alpha1.ReasonDatasetOwned)
	p.service.ResourceVersion, p.service.UID = "", ""
	if err := env.Admin.Create(t.Context(), p.service); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, p.service, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	env.WaitReady(t, second)
}

// TestPlatformIsUnique: the second platform with the same capability and scope is
// a duplicate, in whatever case it is written, and nothing opens to it.
func TestPlatformIsUnique(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	owner := harness.Agency("uniq-owner", "D31")
	env.Create(t, owner)
	env.WaitReady(t, owner)
	one, two := harness.Portal("uniq-owner", "one", provides("uniq-owner-one")), harness.Portal("uniq-owner", "two", provides("uniq-owner-two"))
	env.Create(t, one, two)
	first := sharedPlatform("uniq-owner", "one", "Reporting", "collect reports")
	env.Create(t, first)
	env.WaitReady(t, one, two, first)
	time.Sleep(time.Second)
	second := sharedPlatform("uniq-owner", "two", "Reporting", "Collect  REPORTS")
	user := harness.Portal("uniq-owner", "user", func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "uniq-owner-two"}}
	})
	env.Create(t, second, user)
	env.WaitCondition(t, second, v1alpha1.ConditionUnique, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOf)
	if second.Status.DuplicateOf != first.Name {
		t.Errorf("duplicateOf = %q", second.Status.DuplicateOf)
	}
	env.WaitCondition(t, user, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOf)
	wantFlows(t, user, 0)
	remove(t, first)
	env.WaitReady(t, second, user)
	wantFlows(t, user, 2)
}

// TestClaimNeedsALivingHolder: a claim without a portal, or of a suspended
// agency, takes no dataset, however old it is; what a service holds is not taken
// from it by an older object that names the dataset later or gets its portal
// later; and the authority's assignment beats both. Before, the oldest object
// that counted won: the edit of a stranger closed every link to the dataset.
func TestClaimNeedsALivingHolder(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	squatter := harness.Agency("claim-squatter", "D61")
	env.Create(t, squatter)
	env.WaitReady(t, squatter)
	dataset := func(s *v1alpha1.DataService) { s.Spec.Dataset = "claimed" }
	early, old := harness.Service("claim-squatter", "early", "nothing", dataset), harness.Service("claim-squatter", "old", "nothing")
	env.Create(t, early, old)
	env.WaitCondition(t, early, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonClaimNotValid)
	time.Sleep(time.Second) // The age is in seconds.
	p := newPair(t, "claim", "D7", nil, dataset)
	time.Sleep(time.Second) // So is the time since which a dataset is held.
	portal := harness.Portal("claim-squatter", "nothing")
	env.Create(t, portal)
	env.WaitReady(t, old)
	env.WaitCondition(t, early, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	env.Merge(t, old, `{"spec":{"dataset":"claimed"}}`)
	env.WaitCondition(t, old, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	env.WaitReady(t, p.service)
	remove(t, old)
	// While its holder is suspended the next one has it, and gives it back.
	provider := harness.Agency(p.provider, "")
	env.Merge(t, provider, `{"spec":{"suspended":true}}`)
	env.WaitReady(t, early)
	env.Merge(t, provider, `{"spec":{"suspended":false}}`)
	env.WaitReady(t, p.service)
	env.WaitCondition(t, early, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	owners := func(agency string) *v1alpha1.DataSharingControl {
		return &v1alpha1.DataSharingControl{DatasetOwners: []v1alpha1.DatasetOwner{{Dataset: "claimed", Agency: v1alpha1.AgencyName(agency)}}}
	}
	assigned := sharingPolicy("claim-real", owners(p.provider), p.provider)
	env.Create(t, assigned)
	env.WaitReady(t, p.service)
	env.WaitCondition(t, early, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetAssigned)
	other := sharingPolicy("claim-other", owners("claim-squatter"), p.provider)
	env.Create(t, other)
	for _, s := range []*v1alpha1.DataService{early, p.service} {
		env.WaitCondition(t, s, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetDisputed)
	}
	remove(t, other)
	env.WaitReady(t, p.service)
	// A slip of the authority's gives it to somebody else, and ends with the slip.
	env.Merge(t, assigned, `{"spec":{"dataSharing":{"datasetOwners":[{"dataset":"claimed","agency":"claim-squatter"}]}}}`)
	env.WaitReady(t, early)
	env.WaitCondition(t, p.service, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetAssigned)
	env.Merge(t, assigned, `{"spec":{"dataSharing":{"datasetOwners":null}}}`)
	env.WaitReady(t, p.service)
	env.WaitCondition(t, early, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
}

// TestSettledOwnerKeepsTheDataset: who owned a dataset, and comes back after it has been
// another's for as long as the settings say, closes no link to that.
// Fails when the first that ever owned it goes before all others.
func TestSettledOwnerKeepsTheDataset(t *testing.T) {
	first := env.Operator(t, harness.OperatorOptions{})
	heir := harness.Agency("settled-heir", "Y63")
	env.Create(t, heir)
	env.WaitReady(t, heir)
	dataset := func(s *v1alpha1.DataService) { s.Spec.Dataset = "settled" }
	p := newPair(t, "settled", "Y6", nil, dataset)
	env.WaitReady(t, p.service)
	next := harness.Service("settled-heir", "next", "serves", dataset)
	env.Create(t, harness.Portal("settled-heir", "serves"), next)
	env.WaitCondition(t, next, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	former := harness.Agency(p.provider, "")
	time.Sleep(time.Second) // The time since which a dataset is held is in seconds.
	env.Merge(t, former, `{"spec":{"suspended":true}}`)
	env.WaitReady(t, next)
	// Until its own round has said so the former owner counts as one that never stopped.
	env.WaitCondition(t, p.service, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	short := settings.Default()
	short.DatasetReturn = metav1.Duration{Duration: 24 * time.Hour}
	second := env.Operator(t, harness.OperatorOptions{Settings: &short, Now: func() time.Time { return time.Now().Add(24 * time.Hour) }})
	env.Merge(t, former, `{"spec":{"suspended":false}}`)
	env.WaitReady(t, harness.Portal(p.provider, "serves"))
	second.WaitQuiet(t, 3*time.Second)
	env.WaitCondition(t, p.service, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken)
	env.WaitReady(t, next)
	remove(t, next)
	env.WaitReady(t, p.service)
}

// TestPlatformAndServiceStayApart: a portal that others reach as a platform
// shares nothing by link, whichever came first; and an entry of the catalogue to
// which its agency has not agreed closes nothing.
func TestPlatformAndServiceStayApart(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "apart", "D8", direct())
	link := p.link("wants")
	env.Create(t, link)
	decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	platform := sharedPlatform(p.provider, "serves", "Reporting", "apart reports")
	env.Create(t, platform)
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonOwnerConsentMissing)
	wantPolicies(t, link, 2)
	portal := harness.Portal(p.provider, "serves")
	env.Merge(t, portal, fmt.Sprintf(`{"spec":{"providesPlatforms":[%q]}}`, platform.Name))
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	wantPolicies(t, link, 0)
	reason(t, link, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonPortalIsPlatform)
	env.WaitCondition(t, p.service, v1alpha1.ConditionPublished, metav1.ConditionFalse, v1alpha1.ReasonPortalIsPlatform)
	env.Merge(t, platform, fmt.Sprintf(`{"spec":{"agencies":[%q]}}`, p.provider))
	wantPolicies(t, link, 2)
	env.WaitReady(t, p.service)
	env.Merge(t, platform, fmt.Sprintf(`{"spec":{"agencies":[%q]}}`, p.consumer))
	wantPolicies(t, link, 0)
	second := harness.Service(p.provider, "second", "serves")
	env.Create(t, second)
	env.WaitCondition(t, second, v1alpha1.ConditionPublished, metav1.ConditionFalse, v1alpha1.ReasonPortalIsPlatform)
	remove(t, platform)
	env.WaitReady(t, second)
	wantPolicies(t, link, 2)
}

func provides(platforms ...v1alpha1.ObjectName) func(*v1alpha1.AgencyPortal) {
	return func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = platforms }
}

// TestSharingIsSilent looks at everything a second time: no write, no read past
// the cache; and none by an operator that starts anew.
func TestSharingIsSilent(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	env.WaitEmpty(t)
	p := newPair(t, "mute", "D4", direct())
	link := p.link("wants")
	env.Create(t, link)
	approval := decide(t, p.provider, link, v1alpha1.DecisionApprove)
	waiting := p.link("waiting", func(l *v1alpha1.DataSharingLink) { l.Spec.Purpose = "Khác" })
	platform := sharedPlatform(p.provider, "reports", "Reporting", "mute reports")
	env.Create(t, harness.Portal(p.provider, "reports", provides(v1alpha1.ObjectName(platform.Name))))
	user := harness.Portal(p.consumer, "user", func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(platform.Name)}}
	})
	env.Create(t, waiting, platform, user)
	env.WaitReady(t, link, approval, user)
	env.WaitCondition(t, platform, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	wantPolicies(t, link, 2)
	op.WaitQuiet(t, 4*time.Second)

	op.Requests.Reset()
	objects := []client.Object{link, waiting, approval, p.service, platform, user, harness.Portal(p.consumer, "asks"), harness.Portal(p.provider, "serves"),
		harness.Agency(p.consumer, ""), harness.Agency(p.provider, ""), sharingPolicy("mute", direct())}
	for _, o := range objects {
		touch(t, o)
	}
	time.Sleep(3 * time.Second)
	if w := op.Requests.Writes(); len(w) > 0 {
		t.Errorf("a second reconcile wrote:%s", harness.String(w))
	}
	if r := op.Requests.Reads(); len(r) > 0 {
		t.Errorf("a second reconcile read past the cache:%s", harness.String(r))
	}
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	restarted := env.Operator(t, harness.OperatorOptions{})
	time.Sleep(4 * time.Second)
	if w := restarted.Requests.Writes(); len(w) > 0 {
		t.Errorf("a restarted operator wrote:%s", harness.String(w))
	}
}

// TestUnrecordedPairIsWithdrawn: the operator dies between the write of the pair
// and that of the status that would name it, and consent goes meanwhile.
func TestUnrecordedPairIsWithdrawn(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	p := newPair(t, "lost", "D5", direct())
	link := p.link("wants")
	env.Create(t, link)
	approval := decide(t, p.provider, link, v1alpha1.DecisionApprove)
	wantPolicies(t, link, 2)
	env.WaitReady(t, link)
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	env.EditStatus(t, link, func() { link.Status.Inventory = nil })
	remove(t, approval)
	env.Operator(t, harness.OperatorOptions{})
	wantPolicies(t, link, 0)
}
