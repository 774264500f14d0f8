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
// over N/5 portals, approves all but one, and then counts what the last approval
// makes the operator write: the two policies of its pair and one status per
// party, whatever else there is.
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

	start := time.Now()
	for i := range n {
		from, to := i%portals, (i+1+i/portals)%portals
		create(harness.Link(agency(from), fmt.Sprintf("l%d", i), portal(from), agency(to), portal(to)))
	}
	requested := waitQuiet(op, 3*time.Second).Sub(start)
	var links v1alpha1.DataSharingLinkList
	if err := env.Admin.List(ctx, &links); err != nil {
		b.Fatal(err)
	}
	ours := slices.DeleteFunc(links.Items, func(l v1alpha1.DataSharingLink) bool { return !strings.HasPrefix(l.Namespace, "agency-links") })
	if len(ours) != n {
		b.Fatalf("%d links, want %d", len(ours), n)
	}
	op.Requests.Reset()
	start = time.Now()
	for i := range ours[1:] {
		create(harness.Approval(string(ours[i+1].Spec.Provider.Agency), &ours[i+1], v1alpha1.DecisionApprove))
	}
	opened := waitQuiet(op, 3*time.Second).Sub(start)
	perLink := float64(len(op.Requests.Writes())) / float64(n-1)

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
	fmt.Printf("links %d over %d portals  requested in %.1fs  opened in %.1fs  writes per approval %.2f\n", n, portals, requested.Seconds(), opened.Seconds(), perLink)
	fmt.Printf("the last approval: open after %dms  policies written %d  statuses written %d  reads past the cache %d%s\n",
		open.Milliseconds(), len(policies), len(others), len(op.Requests.Reads()), harness.String(append(policies, others...)))
	parties := []string{
		"/namespaces/" + last.Namespace + "/datasharinglinks/" + last.Name + "/status",
		"/namespaces/" + names.Namespace(string(last.Spec.Provider.Agency)) + "/datasharingapprovals/" + last.Name + "/status",
		"/namespaces/" + names.Namespace(string(last.Spec.Provider.Agency)) + "/dataservices/" + string(last.Spec.Provider.Service) + "/status",
	}
	if len(policies) != 2 {
		b.Errorf("one approval wrote %d policies, want 2", len(policies))
	}
	seen := map[string]int{}
	for _, r := range others {
		seen[r.Path]++
		if seen[r.Path] > 1 || !slices.ContainsFunc(parties, func(p string) bool { return strings.HasSuffix(r.Path, p) }) {
			b.Errorf("one approval wrote %s %s (%d times), want one status of the link, of the approval and of the service", r.Method, r.Path, seen[r.Path])
		}
	}
	b.ReportMetric(perLink, "writes/approval")
	b.ReportMetric(float64(open.Milliseconds()), "ms/approval")
}
