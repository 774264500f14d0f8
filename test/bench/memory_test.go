package bench

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// shippedLimit is the operator's memory limit in config/manager/manager.yaml.
const shippedLimit = 1 << 30

// headroom is how much of the limit the live heap may take: with GOGC at 100 the
// process grows to twice the live heap before it collects.
const headroom = 0.5

// BenchmarkMemoryAtBound measures the operator's live heap for objects that are
// as large as schema and admission let an agency's administrator make them, OBJECTS
// (20) of each kind, with everything that the operator makes of them, and
// reckons how many agencies with the default quota's number of each fit below
// the shipped limit.
func BenchmarkMemoryAtBound(b *testing.B) {
	for range b.N {
		runMemory(b, fromEnv("OBJECTS", 20))
	}
}

// bound is a kind, how many of it the default quota lets an agency have, and how
// to make the largest of them.
type bound struct {
	kind    string
	count   int
	largest func(i int) client.Object
}

func runMemory(b *testing.B, n int) {
	ctx, op, stop := operate(b)
	defer stop()
	const padder, other = "padded", "others"
	// Not the cluster's administrator, whom admission does not hold.
	admin := env.User(b, "mallory@"+padder, padder+"-admins", "system:authenticated")
	create := func(c client.Client, o client.Object) { createSoon(b, c, o) }
	create(env.Admin, harness.Policy("padded", "", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Selector.Agencies = []v1alpha1.AgencyName{padder, other}
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true)}
	}))
	create(env.Admin, harness.Agency(padder, "M01", func(a *v1alpha1.Agency) { a.Spec.Quota.Portals = ptr.To(int32(1000)) }))
	usual := harness.Agency(other, "M02") // The API server fills in the default quota.
	create(env.Admin, usual)
	create(env.Admin, harness.Portal(other, "gives"))
	create(env.Admin, harness.Service(other, "data", "gives", manyOperations))
	waitQuiet(op, 2*time.Second)
	defer func() {
		// The next benchmark measures something else.
		for _, o := range []client.Object{&v1alpha1.DataSharingApproval{}, &v1alpha1.DataSharingLink{}, &v1alpha1.DataService{}, &v1alpha1.AgencyPortal{}} {
			_ = env.Admin.DeleteAllOf(ctx, o, client.InNamespace(names.Namespace(padder)))
		}
		waitQuiet(op, 3*time.Second)
	}()
	perAgency := 0.0
	for _, k := range bounds(padder, other, usual.Spec.Quota) {
		before := heapOf(op)
		stored := 0
		for i := range n {
			o := k.largest(i)
			pad(o)
			create(admin, o)
		}
		waitQuiet(op, 5*time.Second)
		last := k.largest(n - 1)
		if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(last), last); err != nil {
			b.Fatal(err)
		}
		if raw, err := json.Marshal(last); err == nil {
			stored = len(raw)
		}
		each := (float64(heapOf(op)) - float64(before)) / float64(n)
		perAgency += each * float64(k.count)
		fmt.Printf("%-20s stored %4d KiB  heap %7.1f KiB each  at most %3d in an agency: %6.1f MiB\n", k.kind, stored>>10, each/1024, k.count, each*float64(k.count)/(1<<20))
		b.ReportMetric(each, "heapB/"+strings.ToLower(k.kind))
	}
	fit := headroom * shippedLimit / perAgency
	fmt.Printf("an agency at its bounds: %.1f MiB of live heap; below %d MiB (live heap at most %.0f%% of it) fit %.0f such agencies; each more needs %.1f MiB of limit\n",
		perAgency/(1<<20), shippedLimit>>20, 100*headroom, fit, perAgency/headroom/(1<<20))
	b.ReportMetric(perAgency, "heapB/agency")
	b.ReportMetric(fit, "agencies")
}

// heapOf is the live heap without what the test remembers of requests.
func heapOf(op *harness.Operator) uint64 {
	op.Requests.Reset()
	heap()
	return heap()
}

func bounds(agency, other string, q v1alpha1.AgencyQuota) []bound {
	return []bound{
		{"AgencyPortal", int(*q.Portals), func(i int) client.Object {
			return harness.Portal(agency, fmt.Sprintf("p%d", i), func(p *v1alpha1.AgencyPortal) {
				for j := range 64 {
					p.Spec.Env = append(p.Spec.Env, v1alpha1.EnvVar{Name: fmt.Sprintf("V%d", j), Value: strings.Repeat("x", 900)})
				}
				for j := range 256 {
					p.Spec.PublicServices = append(p.Spec.PublicServices, v1alpha1.PublicService{ProcedureCode: fmt.Sprintf("1.%06d", j), Name: v1alpha1.Text(strings.Repeat("x", 150)), Level: 2})
				}
			})
		}},
		{"DataService", int(*q.DataServices), func(i int) client.Object {
			return harness.Service(agency, fmt.Sprintf("s%d", i), "p0", manyOperations)
		}},
		{"DataSharingLink", int(*q.Links), func(i int) client.Object {
			return harness.Link(agency, fmt.Sprintf("l%d", i), fmt.Sprintf("p%d", i%10), other, "data", func(l *v1alpha1.DataSharingLink) {
				l.Spec.Operations = nil
				for j := range 64 {
					l.Spec.Operations = append(l.Spec.Operations, operation(j))
				}
				l.Spec.Purpose = v1alpha1.Text(strings.Repeat("x", 500))
				l.Spec.LegalBasis = v1alpha1.Text(strings.Repeat("x", 500))
			})
		}},
		{"DataSharingApproval", int(*q.Approvals), func(i int) client.Object {
			l := harness.Link(agency, fmt.Sprintf("l%d", i), "p0", other, "data")
			a := harness.Approval(agency, l, v1alpha1.DecisionSuspend)
			a.Spec.Approver = "mallory@" + agency
			a.Spec.Reason = v1alpha1.Text(strings.Repeat("x", 1000))
			return a
		}},
	}
}

func operation(i int) string { return fmt.Sprintf("o%062d", i) }

func manyOperations(s *v1alpha1.DataService) {
	s.Spec.Operations = nil
	for i := range 64 {
		s.Spec.Operations = append(s.Spec.Operations, v1alpha1.Operation{Name: operation(i), Method: "GET", Path: "/" + strings.Repeat("p", 255)})
	}
}

// pad fills the metadata to what the admission policy platform-metadata lets
// through: 576 KiB, of which the API server takes 256 KiB as annotations.
func pad(o client.Object) {
	labels := map[string]string{}
	for i := range 64 {
		labels[fmt.Sprintf("%s.vn/l%062d", strings.Repeat("d", 60), i)] = strings.Repeat("v", 63)
	}
	o.SetLabels(labels)
	o.SetAnnotations(map[string]string{"padding": strings.Repeat("x", 250<<10)})
	var refs []metav1.OwnerReference
	for i := range 8 {
		refs = append(refs, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: strings.Repeat("n", 30<<10), UID: types.UID(strconv.Itoa(i))})
	}
	o.SetOwnerReferences(refs)
}
