package seeds

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// The portals of the sample that are national platforms.
const (
	axis         = "agency-government-office/document-exchange"
	reporting    = "agency-government-office/government-reporting"
	publicPortal = "agency-government-office/national-public-service"
)

func platform(name string) *v1alpha1.SharedPlatform {
	return &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// used waits until a platform counts so many portals more than before.
func used(t *testing.T, name string, want int32) {
	t.Helper()
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, platform(name)).Status.Consumers; got != want {
			return fmt.Errorf("platform %s has %d consumers, want %d", name, got, want)
		}
		return nil
	})
}

// TestSeed01_DocumentExchangeAxis: a portal that uses the axis reaches it, and nothing
// else: no other portal on any port, no platform that it does not use, no other address.
// Fails when the way to the axis opens one address more, and when a half of it is missing.
func TestSeed01_DocumentExchangeAxis(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "documents")
	env.WaitReady(t, p)
	reachesOnly(t, p)
	env.Merge(t, p, `{"spec":{"platformRefs":[{"name":"document-exchange"}]}}`)
	env.WaitReady(t, p)
	reachesOnly(t, p, axis+" TCP/8080")
	if got := look(t).to(key(p)); len(got) > 0 {
		t.Errorf("%s is reached by %q", key(p), got)
	}
}

// TestSeed02_PublicServicePortal: a portal that is linked to the national public service
// portal says so and how many services it offers, and the national portal counts it.
// Fails when the reference opens nothing, and when the portals are not counted.
func TestSeed02_PublicServicePortal(t *testing.T) {
	country(t)
	before := harness.Stored(t, env, platform("national-public-service")).Status.Consumers
	p := portal(t, "da-nang", "services", uses("not-there"), offers(
		v1alpha1.PublicService{ProcedureCode: "1.000001", Name: "Cấp giấy phép", Level: 3},
		v1alpha1.PublicService{ProcedureCode: "1.000002", Name: "Đăng ký", Level: 2}))
	says(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonPlatformNotFound, "not-there")
	env.Merge(t, p, `{"spec":{"replicas":{"min":2},"platformRefs":[{"name":"national-public-service"}]}}`)
	says(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionTrue, v1alpha1.ReasonPlatformsResolved, "1 referenced platform")
	env.WaitReady(t, p)
	if got := (v1alpha1.ServiceCounts{Declared: 2, Verified: 2}); p.Status.PublicServices != got {
		t.Errorf("services %+v, want %+v", p.Status.PublicServices, got)
	}
	reachesOnly(t, p, publicPortal+" TCP/8080")
	used(t, "national-public-service", before+1)
	env.Merge(t, p, `{"spec":{"platformRefs":null}}`)
	reachesOnly(t, p)
	used(t, "national-public-service", before)
}

// TestSeed03_OneStop: an agency's public service portal and its one-stop system are one
// workload, and a second one-stop system of the agency is refused with the first one's name.
// Fails when no other one-stop system is found: the second one runs.
func TestSeed03_OneStop(t *testing.T) {
	country(t)
	first := harness.Stored(t, env, harness.Portal("nghe-an", "one-stop"))
	for _, c := range []v1alpha1.Component{"PublicService", v1alpha1.ComponentOneStop} {
		if !slices.Contains(first.Spec.Components, c) {
			t.Errorf("%s has the components %q", key(first), first.Spec.Components)
		}
	}
	var workloads appsv1.DeploymentList
	if err := env.Admin.List(t.Context(), &workloads, client.InNamespace(first.Namespace), client.MatchingLabels{names.LabelPortal: first.Name}); err != nil {
		t.Fatal(err)
	}
	if len(workloads.Items) != 1 {
		t.Errorf("%s has %d workloads, want 1 for both components", key(first), len(workloads.Items))
	}
	second := portal(t, "nghe-an", "second-one-stop", func(p *v1alpha1.AgencyPortal) {
		p.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop}
	})
	says(t, second, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOneStop, `"one-stop"`)
	nothingRuns(t, second)
}

// TestSeed04_BorderlessOneStop: data passes between provinces where the provider agrees,
// and not between a province and its own district where nobody did.
// Fails when nobody's decision counts as consent, and when the service does not name who
// uses it.
func TestSeed04_BorderlessOneStop(t *testing.T) {
	country(t)
	across := harness.Stored(t, env, harness.Link("ho-chi-minh-city", "nghe-an-cases", "", "", ""))
	env.WaitReady(t, across)
	far, near := portal(t, "da-nang", "cases"), portal(t, "nghe-an-vinh", "cases")
	env.WaitReady(t, far, near)
	asked := link(t, far, "da-nang", "cases", "nghe-an", "case-files", "getCaseStatus")
	child := link(t, near, "nghe-an-vinh", "cases", "nghe-an", "case-files", "getCaseStatus")
	shut(t, asked, v1alpha1.ReasonApprovalMissing)
	consent(t, asked, "nghe-an", authority)
	env.WaitReady(t, asked)
	reachesOnly(t, far, "agency-mic/ndxp TCP/8443")
	consumes(t, "nghe-an", "case-files", key(far))
	shut(t, child, v1alpha1.ReasonApprovalMissing)
	reachesOnly(t, near)
}

// TestSeed05_GovernmentReporting: a portal that reports to the Government is Ready when
// the reporting system is there, and both halves of the way are open: the portal may
// leave and the system lets it in. test/e2e sends packets over the same platform.
// Fails when one half is missing.
func TestSeed05_GovernmentReporting(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "reports", uses("government-reporting"))
	env.WaitReady(t, p)
	says(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionTrue, v1alpha1.ReasonPlatformsResolved)
	reachesOnly(t, p, reporting+" TCP/8080")
	if got := look(t).to(reporting); !slices.Contains(got, key(p)) || slices.Contains(got, "agency-justice/civil-status") {
		t.Errorf("%s is reached by %q: want the portals that report, and no others", reporting, got)
	}
}

// TestSeed08_ElectronicIdentification: a portal where citizens log in is blocked, and
// says why, until it uses the national identification.
// Fails when citizenLogin demands no platform.
func TestSeed08_ElectronicIdentification(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "login", func(p *v1alpha1.AgencyPortal) { p.Spec.CitizenLogin = true })
	needs(t, p, v1alpha1.PlatformIdentity)
	env.Merge(t, p, `{"spec":{"platformRefs":[{"name":"identity"}]}}`)
	env.WaitReady(t, p)
	reachesOnly(t, p, "192.0.2.16/28 TCP/443")
}

// TestSeed09_OnlinePayment: a level-4 service that costs something is refused, and says
// why, until its portal uses the national payment support; without a fee it needs none.
// Fails when a fee demands no platform.
func TestSeed09_OnlinePayment(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "fees", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 2 },
		offers(v1alpha1.PublicService{ProcedureCode: "1.000001", Name: "Cấp giấy phép", Level: 4, Fee: true}))
	needs(t, p, v1alpha1.PlatformPayment)
	if got := (v1alpha1.ServiceCounts{Declared: 1}); p.Status.PublicServices != got {
		t.Errorf("services %+v, want %+v", p.Status.PublicServices, got)
	}
	env.Merge(t, p, `{"spec":{"platformRefs":[{"name":"payment"}]}}`)
	env.WaitReady(t, p)
	reachesOnly(t, p, "192.0.2.32/28 TCP/443")
	free := portal(t, "da-nang", "free", func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 2 },
		offers(v1alpha1.PublicService{ProcedureCode: "1.000001", Name: "Cấp giấy phép", Level: 4}))
	env.WaitReady(t, free)
}

// needs waits until a portal is refused for a platform of some type that it does not use.
func needs(t *testing.T, p *v1alpha1.AgencyPortal, platformType v1alpha1.PlatformType) {
	t.Helper()
	says(t, p, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation, string(platformType))
	nothingRuns(t, p)
	reachesOnly(t, p)
}
