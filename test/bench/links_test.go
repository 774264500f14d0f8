package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// BenchmarkLinks creates N direct links (default 1000, N in the environment)
// over N/5 portals, each of which costs one Role and one RoleBinding once for who
// reads it, approves all but one, and then counts what the last approval
// makes the operator write: the two policies of its pair, one status per party,
// three Events and the agency's new count of decisions, whatever else there is.
// The count is what the admission policy agency-deletion asks, and is gathered: a
// burst of approvals writes it about once a second.
func BenchmarkLinks(b *testing.B) {
	n := fromEnv("N", 1000)
	for range b.N {
		runLinks(b, n, max(2, n/5))
	}
}

func runLinks(b *testing.B, n, portals int) {
	ctx, op, stop := operate(b)
	defer stop()
	create := func(o client.Object) { createSoon(b, env.Admin, o) }
	agency := func(i int) string { return fmt.Sprintf("links%d", i/portalsPerAgency) }
	portal := func(i int) string { return fmt.Sprintf("p%d", i) }
	create(harness.Policy("links", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	}))
	for i := 0; i < portals; i += portalsPerAgency {
		create(harness.Agency(agency(i), fmt.Sprintf("Y%02d", i/portalsPerAgency)))
	}
	waitQuiet(op, time.Second)
	for i := range portals {
		create(harness.Portal(agency(i), portal(i)))
	}
	waitQuiet(op, 3*time.Second)
	for i := range portals {
		create(harness.Service(agency(i), portal(i), portal(i)))
	}
	waitQuiet(op, 3*time.Second)

	op.Requests.Reset()
	start := time.Now()
	for i := range n {
		from, to := i%portals, (i+1+i/portals)%portals
		create(harness.Link(agency(from), fmt.Sprintf("l%d", i), portal(from), agency(to), portal(to)))
	}
	requested := waitQuiet(op, 3*time.Second).Sub(start)
	asked := op.Requests.Writes()
	var links v1alpha1.DataSharingLinkList
	if err := env.Admin.List(ctx, &links); err != nil {
		b.Fatal(err)
	}
	ours := slices.DeleteFunc(links.Items, func(l v1alpha1.DataSharingLink) bool { return !strings.HasPrefix(l.Namespace, "agency-links") })
	if len(ours) != n {
		b.Fatalf("%d links, want %d", len(ours), n)
	}
	perRequest := requestWrites(b, asked, ours)
	op.Requests.Reset()
	start = time.Now()
	for i := range ours[1:] {
		create(harness.Approval(string(ours[i+1].Spec.Provider.Agency), &ours[i+1], v1alpha1.DecisionApprove))
	}
	opened := waitQuiet(op, 3*time.Second).Sub(start)
	burst := op.Requests.Writes()
	perLink := float64(len(burst)) / float64(n-1)
	counts := len(matching(burst, "/agencies/"))
	agencies := (portals + portalsPerAgency - 1) / portalsPerAgency
	if most := 2 * agencies * int(opened.Seconds()+2); counts > most {
		b.Errorf("%d approvals wrote %d counts of %d agencies in %s, want at most two a second, %d", n-1, counts, agencies, opened, most)
	}

	op.Requests.Reset()
	last := &ours[0]
	start = time.Now()
	create(harness.Approval(string(last.Spec.Provider.Agency), last, v1alpha1.DecisionApprove))
	open := time.Duration(0)
	for open == 0 {
		if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(last), last); err != nil {
			b.Fatal(err)
		}
		if slices.ContainsFunc(last.Status.Conditions, func(c metav1.Condition) bool {
			return c.Type == v1alpha1.ConditionPolicyPaired && c.Status == metav1.ConditionTrue
		}) {
			open = time.Since(start)
		}
		if time.Since(start) > time.Minute {
			b.Fatalf("the last link does not open: %+v", last.Status)
		}
	}
	waitQuiet(op, 4*time.Second)
	var policies, others []harness.Request
	for _, r := range op.Requests.Writes() {
		if strings.Contains(r.Path, "/networkpolicies") {
			policies = append(policies, r)
		} else {
			others = append(others, r)
		}
	}
	fmt.Printf("links %d over %d portals  requested in %.1fs  writes per request %.2f  opened in %.1fs  writes per approval %.2f  counts of %d agencies written %d\n", n, portals, requested.Seconds(), perRequest, opened.Seconds(), perLink, agencies, counts)
	fmt.Printf("the last approval: open after %dms  policies written %d  statuses and events written %d  reads past the cache %d%s\n",
		open.Milliseconds(), len(policies), len(others), len(op.Requests.Reads()), harness.String(append(policies, others...)))
	provider := names.Namespace(string(last.Spec.Provider.Agency))
	if len(policies) != 2 {
		b.Errorf("one approval wrote %d policies, want 2", len(policies))
	}
	// How often each path may be written. The Events are that it was approved, for
	// the link and for the approval, and that the link opened. The link's status is
	// written twice: who approved, before anything opens, and that it is open.
	most := map[string]int{
		"/apis/events.k8s.io/v1/namespaces/" + last.Namespace + "/events":                             2,
		"/agencies/" + string(last.Spec.Provider.Agency) + "/status":                                  1,
		"/namespaces/" + last.Namespace + "/datasharinglinks/" + last.Name + "/status":                2,
		"/namespaces/" + provider + "/datasharingapprovals/" + last.Name + "/status":                  1,
		"/namespaces/" + provider + "/dataservices/" + string(last.Spec.Provider.Service) + "/status": 1,
	}
	most["/apis/events.k8s.io/v1/namespaces/"+provider+"/events"]++
	for _, r := range others {
		key := strings.TrimPrefix(r.Path, "/apis/"+v1alpha1.GroupVersion.String())
		if most[key]--; most[key] < 0 {
			b.Errorf("one approval wrote %s %s once too often, want three Events, two statuses of the link and one each of the approval, the service and the provider's agency", r.Method, r.Path)
		}
	}
	b.ReportMetric(perRequest, "writes/request")
	b.ReportMetric(perLink, "writes/approval")
	b.ReportMetric(float64(open.Milliseconds()), "ms/approval")
}

// requestWrites returns how many writes a request for a link cost. Two of them,
// for a link to another agency, are the Role and the RoleBinding of those who read
// it.
func requestWrites(b *testing.B, writes []harness.Request, links []v1alpha1.DataSharingLink) float64 {
	b.Helper()
	abroad := 0
	for i := range links {
		if links[i].Namespace != names.Namespace(string(links[i].Spec.Provider.Agency)) {
			abroad++
		}
	}
	if roles, bindings := len(matching(writes, "/roles")), len(matching(writes, "/rolebindings")); roles != abroad || bindings != abroad {
		b.Errorf("%d requests, %d of them to another agency, wrote %d Roles and %d RoleBindings", len(links), abroad, roles, bindings)
	}
	fmt.Printf("%d of %d links ask another agency\n", abroad, len(links))
	return float64(len(writes)) / float64(len(links))
}

// matching returns the requests whose path has a part.
func matching(requests []harness.Request, part string) []harness.Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r harness.Request) bool { return !strings.Contains(r.Path, part) })
}
