package seeds

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// published returns the services that are Ready and meant for the catalogue, and what
// somebody who is logged in reads of it, each as agency/name.
func published(t *testing.T, reader client.Client) (ready, catalogue []string) {
	t.Helper()
	var services v1alpha1.DataServiceList
	if err := env.Admin.List(t.Context(), &services); err != nil {
		t.Fatal(err)
	}
	for _, s := range services.Items {
		if s.Spec.Visibility == v1alpha1.VisibilityCatalogue && meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionReady) {
			agency, _ := names.AgencyOf(s.Namespace)
			ready = append(ready, agency+"/"+s.Name)
		}
	}
	var agencies v1alpha1.AgencyList
	if err := reader.List(t.Context(), &agencies); err != nil {
		t.Fatal(err)
	}
	for _, a := range agencies.Items {
		for _, e := range a.Status.Catalogue {
			catalogue = append(catalogue, a.Name+"/"+string(e.Name))
		}
	}
	slices.Sort(ready)
	slices.Sort(catalogue)
	return ready, catalogue
}

// TestSeed10_NationalDataPortal: what anybody on the platform reads as its catalogue are
// the services that are Ready, all of them but those that their agency shows to nobody.
// Fails when a restricted service is listed.
func TestSeed10_NationalDataPortal(t *testing.T) {
	country(t)
	citizen := env.User(t, "citizen")
	p := portal(t, "da-nang", "open-data")
	env.WaitReady(t, p)
	open := harness.Service("da-nang", "open-budget", p.Name)
	empty := harness.Service("da-nang", "announced", "not-there")
	hidden := harness.Service("da-nang", "hidden", p.Name, func(s *v1alpha1.DataService) { s.Spec.Visibility = v1alpha1.VisibilityRestricted })
	for _, s := range []*v1alpha1.DataService{open, empty, hidden} {
		create(t, s)
	}
	env.WaitReady(t, open, hidden)
	env.WaitCondition(t, empty, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPortalNotFound)
	harness.Eventually(t, func() error {
		ready, catalogue := published(t, citizen)
		if !slices.Equal(ready, catalogue) {
			return fmt.Errorf("the catalogue has %q, and Ready are %q", catalogue, ready)
		}
		if !slices.Contains(ready, "da-nang/open-budget") || len(ready) < 5 {
			return fmt.Errorf("only %q are Ready", ready)
		}
		return nil
	})
}

// database is one of the national databases: the sample has those without a portal here.
type database struct{ agency, service, portal, operation string }

// TestSeed15_NationalDatabases: each of the seven databases is one service that shares
// with who asked and was agreed to, and says who that is.
// Fails when a service does not name the portal of an open link.
func TestSeed15_NationalDatabases(t *testing.T) {
	country(t)
	databases := []database{
		{"public-security", "population", "", "verifyResident"},
		{"da-nang", "land", "land-db", "read"},
		{"planning-investment", "business-registration", "", "getEnterprise"},
		{"social-insurance", "insurance", "", "getCoverage"},
		{"finance", "finance", "budget-db", "read"},
		{"justice", "civil-status-records", "records-db", "read"},
		{"government-office", "procedures", "procedures-db", "read"},
	}
	asks := portal(t, "nghe-an-vinh", "files")
	for _, d := range databases {
		if d.portal != "" {
			portal(t, d.agency, d.portal)
			create(t, harness.Service(d.agency, d.service, d.portal))
		}
	}
	var links []*v1alpha1.DataSharingLink
	for _, d := range databases {
		links = append(links, link(t, asks, "nghe-an-vinh", d.service, d.agency, d.service, d.operation))
	}
	for i, d := range databases {
		consent(t, links[i], d.agency, authority)
	}
	for i, d := range databases {
		env.WaitReady(t, links[i])
		consumes(t, d.agency, d.service, key(asks))
	}
}

// TestSeed20_PublishedIsNotReal: services are counted as declared by their portal and as
// verified only while the portal is Ready.
// Fails when what is declared is counted as verified.
func TestSeed20_PublishedIsNotReal(t *testing.T) {
	country(t)
	counts := func(p *v1alpha1.AgencyPortal, declared, verified int32) {
		t.Helper()
		harness.Eventually(t, func() error {
			if got, want := harness.Stored(t, env, p).Status.PublicServices, (v1alpha1.ServiceCounts{Declared: declared, Verified: verified}); got != want {
				return fmt.Errorf("%s has the services %+v, want %+v", key(p), got, want)
			}
			return nil
		})
	}
	counts(harness.Portal("nghe-an", "one-stop"), 2, 2)
	counts(harness.Portal("social-insurance", "benefit-claims"), 1, 0) // It violates a standard.
	counts(harness.Portal("finance", "tax-filing"), 1, 0)              // Nobody outside reaches it.
	p := portal(t, "nghe-an-vinh", "forms", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 2 },
		offers(v1alpha1.PublicService{ProcedureCode: "1.000001", Name: "Đăng ký", Level: 2}, v1alpha1.PublicService{ProcedureCode: "1.000002", Name: "Cấp bản sao", Level: 1}))
	env.WaitReady(t, p)
	counts(p, 2, 2)
	vinh := harness.Agency("nghe-an-vinh", "")
	env.Merge(t, vinh, `{"spec":{"suspended":true}}`)
	counts(p, 2, 0)
	env.Merge(t, vinh, `{"spec":{"suspended":false}}`)
	counts(p, 2, 2)
}

// TestSeed26_NoDataSilos: a dataset has one owner; the second claim to it is refused and
// names who owns it, and nobody gets the data under the second claim.
// Fails when the holder of a dataset does not matter: the second service owns it too.
func TestSeed26_NoDataSilos(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "own-population")
	env.WaitReady(t, p)
	second := harness.Service("da-nang", "population", p.Name, func(s *v1alpha1.DataService) { s.Spec.Dataset = "population" })
	create(t, second)
	says(t, second, v1alpha1.ConditionDatasetOwned, metav1.ConditionFalse, v1alpha1.ReasonDatasetTaken, "agency-public-security/population")
	env.WaitReady(t, harness.Service("public-security", "population", ""))
	asks := portal(t, "nghe-an-vinh", "asks-the-second")
	env.WaitReady(t, asks)
	shut(t, link(t, asks, "nghe-an-vinh", "second", "da-nang", "population", "read"), v1alpha1.ReasonServiceNotFound)
}

// TestSeed31_StateSecrets: what holds state secrets is never published, exposed or
// linked, and a link that was open closes when its data becomes one.
// Fails when a link does not look at the classification of its ends.
func TestSeed31_StateSecrets(t *testing.T) {
	country(t)
	secret := func(p *v1alpha1.AgencyPortal) {
		p.Spec.DataClassification, p.Spec.Exposure, p.Spec.Hostnames = v1alpha1.ClassificationStateSecret, v1alpha1.ExposureInternet, []v1alpha1.DNSName{"mat.danang.example.gov.vn"}
	}
	refused(t, harness.Portal("da-nang", "exposed-secret", secret), "state secrets never leave their system")
	refused(t, harness.Service("da-nang", "secrets", "files", func(s *v1alpha1.DataService) {
		s.Spec.Classification = v1alpha1.ClassificationStateSecret
	}), "state secrets are never shared")

	gives, asks := portal(t, "da-nang", "archive", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 2 }), portal(t, "nghe-an-vinh", "reader")
	create(t, harness.Service("da-nang", "archive", gives.Name))
	env.WaitReady(t, gives, asks)
	l := link(t, asks, "nghe-an-vinh", "archive", "da-nang", "archive", "read")
	consent(t, l, "da-nang", authority)
	env.WaitReady(t, l)
	reachesOnly(t, asks, "agency-mic/ndxp TCP/8443")
	env.Merge(t, gives, `{"spec":{"dataClassification":"StateSecret"}}`)
	env.WaitCondition(t, l, v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, v1alpha1.ReasonStateSecret)
	reachesOnly(t, asks)
	shut(t, l, v1alpha1.ReasonStateSecret)
}
