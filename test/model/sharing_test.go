package model

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the history; 0 takes one from the clock")
	steps    = flag.Int("steps", 150, "how many steps the history has")
)

var env *harness.Env

func TestMain(m *testing.M) {
	// Simulated nodes give the portals pods, which reachability is between.
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 2})
}

// agencies of the model: the authority is one of them, and no end of a link.
var agencies = []string{"model-a", "model-b", "model-c"}

var portals = []string{"one", "two"}

// request is one link of the model.
type request struct{ consumer, portal, name, provider, service string }

// requests: every agency asks another one; one of them asks for personal data,
// which the authority must approve too.
var requests = []request{
	{"model-a", "one", "ab", "model-b", "one"},
	{"model-a", "two", "ac", "model-c", "two"},
	{"model-b", "two", "bc", "model-c", "one"},
	{"model-c", "one", "ca", "model-a", "personal"},
}

// model is the state of one run.
type model struct {
	t       *testing.T
	r       *rand.Rand
	ahead   atomic.Int64
	op      *harness.Operator
	rec     *recorder
	history []string
	serial  int
}

func (m *model) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

// TestHistories plays a random history and checks it revision by revision, and
// what is reachable whenever everything has come to rest.
func TestHistories(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	m := &model{t: t, r: rand.New(rand.NewPCG(seed, seed))}
	t.Logf("seed %d: go test ./test/model -seed %d -steps %d", seed, seed, *steps)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, history:\n%s", seed, strings.Join(m.history, "\n"))
		}
	})
	m.op = m.operator()
	m.build()
	rec := record(t, m.now)
	m.rec = rec
	m.settle(rec)
	begin := time.Now()
	for i := range *steps {
		if t.Failed() || time.Since(begin) > time.Minute {
			break
		}
		m.step(i)
		if m.r.IntN(10) == 0 {
			m.settle(rec)
		}
	}
	m.settle(rec)
	rec.stop()
	t.Logf("%d steps, %d revisions, %d policies of links created, %d times at rest", len(m.history), rec.revisions, rec.created, rec.rests)
	if rec.created < 4 {
		t.Error("hardly a link was ever open: the history shows nothing")
	}
}

func (m *model) operator() *harness.Operator {
	m.t.Helper()
	return env.Operator(m.t, harness.OperatorOptions{Now: m.now})
}

func (m *model) build() {
	t := m.t
	t.Helper()
	all := append([]string{settings.Default().AuthorityAgency}, agencies...)
	env.Create(t, harness.Policy("model", "", func(p *v1alpha1.SecurityPolicy) {
		for _, a := range all {
			p.Spec.Selector.Agencies = append(p.Spec.Selector.Agencies, v1alpha1.AgencyName(a))
		}
		p.Spec.DataSharing = &v1alpha1.DataSharingControl{AllowDirectRoute: ptr.To(true), RequireAuthorityApprovalFor: []v1alpha1.DataClassification{v1alpha1.ClassificationPersonal}}
	}))
	for i, a := range all {
		agency := harness.Agency(a, fmt.Sprintf("E1%d", i))
		env.Create(t, agency)
		env.WaitReady(t, agency)
	}
	for _, a := range agencies {
		for _, name := range portals {
			p := harness.Portal(a, name, func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 })
			env.Create(t, p)
			env.WaitReady(t, p)
			s := harness.Service(a, name, name)
			env.Create(t, s)
			env.WaitReady(t, s)
		}
	}
	personal := harness.Service("model-a", "personal", "two", func(s *v1alpha1.DataService) { s.Spec.Classification = v1alpha1.ClassificationPersonal })
	env.Create(t, personal)
	env.WaitReady(t, personal)
}

func (m *model) link(q request) *v1alpha1.DataSharingLink {
	return harness.Link(q.consumer, q.name, q.portal, q.provider, q.service, func(l *v1alpha1.DataSharingLink) {
		l.Spec.ValidUntil = metav1.NewTime(m.now().Add(time.Hour).Truncate(time.Second))
		if q.service == "personal" {
			l.Spec.RequestedBy = harness.RequesterUser
		}
	})
}

// step does one random thing. What it does not find, it leaves.
func (m *model) step(i int) {
	q := requests[m.r.IntN(len(requests))]
	link := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(q.consumer), Name: q.name}}
	ctx := m.t.Context()
	exists := env.Admin.Get(ctx, client.ObjectKeyFromObject(link), link) == nil
	say := func(format string, args ...any) {
		m.history = append(m.history, fmt.Sprintf("%3d %s %s", i, fmt.Sprintf(format, args...), q.name))
	}
	if !exists {
		say("create")
		m.ignore(env.Admin.Create(ctx, m.link(q)))
		m.pause()
		return
	}
	if m.r.IntN(2) == 0 && m.towardsOpen(q, link, say) {
		m.pause()
		return
	}
	switch n := m.r.IntN(100); {
	case n < 28:
		say("approve by the provider")
		m.decide(q.provider, link, v1alpha1.DecisionApprove)
	case n < 45:
		say("approve by the authority")
		m.decide(settings.Default().AuthorityAgency, link, v1alpha1.DecisionApprove)
	case n < 52:
		purpose := fmt.Sprintf("Mục đích %d", m.r.IntN(3))
		say("change the purpose to %q of", purpose)
		m.patch(link, fmt.Sprintf(`{"spec":{"purpose":%q}}`, purpose))
	case n < 56:
		say("change the portal of")
		m.patch(link, fmt.Sprintf(`{"spec":{"consumer":{"portalRef":{"name":%q}}}}`, portals[m.r.IntN(2)]))
	case n < 60:
		side := []string{q.provider, settings.Default().AuthorityAgency}[m.r.IntN(2)]
		say("%s suspends", side)
		m.decide(side, link, v1alpha1.DecisionSuspend)
	case n < 64:
		say("reject")
		m.decide(q.provider, link, v1alpha1.DecisionReject)
	case n < 80:
		say("take back a decision about")
		m.takeBack(link)
	case n < 84:
		say("delete")
		m.ignore(env.Admin.Delete(ctx, link))
	case n < 88:
		say("two hours later:")
		m.ahead.Add(int64(2 * time.Hour))
		m.touchAll()
	case n < 92:
		say("prolong")
		m.patch(link, fmt.Sprintf(`{"spec":{"validUntil":%q}}`, m.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	case n < 96:
		agency := agencies[m.r.IntN(len(agencies))]
		suspended := m.r.IntN(3) == 0
		say("agency %s suspended %v, while at", agency, suspended)
		m.patch(harness.Agency(agency, ""), fmt.Sprintf(`{"spec":{"suspended":%v}}`, suspended))
	default:
		say("the operator restarts while at")
		from := time.Now()
		_ = m.op.Stop()
		if m.r.IntN(2) == 0 {
			m.takeBack(link)
		}
		m.op = m.operator()
		m.rec.outage(from, time.Now())
	}
	m.pause()
}

// towardsOpen does what the link's status asks for; without it, most histories
// would be of links that are shut anyway.
func (m *model) towardsOpen(q request, l *v1alpha1.DataSharingLink, say func(string, ...any)) bool {
	reason := func(condition string) string {
		if c := meta.FindStatusCondition(l.Status.Conditions, condition); c != nil && c.Status != metav1.ConditionTrue {
			return c.Reason
		}
		return ""
	}
	provider, authority := reason(v1alpha1.ConditionProviderApproved), reason(v1alpha1.ConditionAuthorityApproved)
	asked := []string{v1alpha1.ReasonApprovalMissing, v1alpha1.ReasonApprovalStale}
	closed := []string{v1alpha1.ReasonLinkSuspended, v1alpha1.ReasonRejected}
	switch {
	case reason(v1alpha1.ConditionReferencesResolved) == v1alpha1.ReasonSuspended:
		say("agencies %s and %s resume, for", q.consumer, q.provider)
		m.patch(harness.Agency(q.consumer, ""), `{"spec":{"suspended":false}}`)
		m.patch(harness.Agency(q.provider, ""), `{"spec":{"suspended":false}}`)
	case reason(v1alpha1.ConditionWithinValidity) != "":
		say("prolong")
		m.patch(l, fmt.Sprintf(`{"spec":{"validUntil":%q}}`, m.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	case slices.Contains(closed, provider) || slices.Contains(closed, authority):
		say("take back a decision about")
		m.takeBack(l)
	case slices.Contains(asked, provider):
		say("approve by the provider")
		m.decide(q.provider, l, v1alpha1.DecisionApprove)
	case slices.Contains(asked, authority):
		say("approve by the authority")
		m.decide(settings.Default().AuthorityAgency, l, v1alpha1.DecisionApprove)
	default:
		return false
	}
	return true
}

// pause lets the operator catch up, or not.
func (m *model) pause() { time.Sleep(time.Duration(m.r.IntN(200)) * time.Millisecond) }

func (m *model) ignore(err error) {
	m.t.Helper()
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) {
		m.t.Fatal(err)
	}
}

func (m *model) patch(o client.Object, patch string) {
	m.t.Helper()
	m.ignore(env.Admin.Patch(m.t.Context(), o, harness.MergePatch(patch)))
}

// touchAll makes the operator look at every link: moving its clock is no event.
func (m *model) touchAll() {
	for _, q := range requests {
		l := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: names.Namespace(q.consumer), Name: q.name}}
		m.patch(l, fmt.Sprintf(`{"metadata":{"annotations":{"example.org/touched":"%d"}}}`, m.r.Int64()))
	}
}

func (m *model) decide(agency string, l *v1alpha1.DataSharingLink, d v1alpha1.Decision) {
	m.t.Helper()
	if d != v1alpha1.DecisionSuspend && l.Status.SpecHash == "" {
		return
	}
	m.serial++
	a := harness.Approval(agency, l, d)
	a.Name = fmt.Sprintf("%s-%d", l.Name, m.serial)
	m.ignore(env.As(a).Create(m.t.Context(), a))
}

// takeBack deletes what closes the link, or a random decision about it.
func (m *model) takeBack(l *v1alpha1.DataSharingLink) {
	m.t.Helper()
	var list v1alpha1.DataSharingApprovalList
	if err := env.Admin.List(m.t.Context(), &list); err != nil {
		m.t.Fatal(err)
	}
	var mine, closing []*v1alpha1.DataSharingApproval
	for i := range list.Items {
		a := &list.Items[i]
		if string(a.Spec.LinkRef.Name) != l.Name || string(a.Spec.LinkRef.Namespace) != l.Namespace {
			continue
		}
		mine = append(mine, a)
		if a.Spec.Decision != v1alpha1.DecisionApprove {
			closing = append(closing, a)
		}
	}
	if len(closing) > 0 && m.r.IntN(4) > 0 {
		for _, a := range closing {
			m.ignore(env.Admin.Delete(m.t.Context(), a))
		}
		return
	}
	if len(mine) > 0 {
		m.ignore(env.Admin.Delete(m.t.Context(), mine[m.r.IntN(len(mine))]))
	}
}

// settle waits until nothing is written any more, and compares what is
// reachable with what is approved.
func (m *model) settle(rec *recorder) {
	m.t.Helper()
	m.touchAll()
	m.op.WaitQuiet(m.t, time.Second)
	rec.rests++
	ctx := m.t.Context()
	st := newState()
	snap := reach.Snapshot{}
	read(ctx, m.t, st, &snap)
	evaluator := reach.New(snap)
	if p := evaluator.Problems(); len(p) > 0 {
		m.t.Fatalf("the evaluator can't read the snapshot: %v", p)
	}
	want := map[string]bool{}
	for _, l := range st.links {
		if why := st.forbids(l, m.now()); why == "" {
			want[l.Namespace+"/"+string(l.Spec.Consumer.PortalRef.Name)+" → "+names.Namespace(string(l.Spec.Provider.Agency))+"/"+string(st.services[serviceKey(l)].Spec.PortalRef.Name)] = true
		}
	}
	got := map[string]bool{}
	for i := range snap.Pods {
		for j := range snap.Pods {
			from, to := &snap.Pods[i], &snap.Pods[j]
			a, b := from.Labels[names.LabelPortal], to.Labels[names.LabelPortal]
			if i == j || a == "" || b == "" {
				continue
			}
			v := evaluator.Evaluate(reach.Flow{From: reach.PodEndpoint(from.Namespace, from.Name), To: reach.PodEndpoint(to.Namespace, to.Name), Protocol: "TCP", Port: 8080})
			if v.Allowed {
				got[from.Namespace+"/"+a+" → "+to.Namespace+"/"+b] = true
			}
			if other := evaluator.Evaluate(reach.Flow{From: reach.PodEndpoint(from.Namespace, from.Name), To: reach.PodEndpoint(to.Namespace, to.Name), Protocol: "TCP", Port: 8081}); other.Allowed {
				m.t.Errorf("another port is open: %+v", other)
			}
		}
	}
	// An end without pods, as of a suspended agency, reaches nothing and is not reached.
	pods := map[string]bool{}
	for i := range snap.Pods {
		pods[snap.Pods[i].Namespace+"/"+snap.Pods[i].Labels[names.LabelPortal]] = true
	}
	for pair := range want {
		from, to, _ := strings.Cut(pair, " → ")
		if !got[pair] && pods[from] && pods[to] {
			m.t.Errorf("at rest %s is approved and shut", pair)
		}
	}
	for pair := range got {
		if !want[pair] {
			m.t.Errorf("at rest %s is open and not approved", pair)
		}
	}
	// What exists is explained by links even where no pod shows it.
	for _, p := range st.policies {
		if l := st.linkOf(p); l == nil {
			m.t.Errorf("at rest policy %s/%s belongs to no link", p.Namespace, p.Name)
		} else if why := st.forbids(l, m.now()); why != "" {
			m.t.Errorf("at rest policy %s/%s exists, but %s", p.Namespace, p.Name, why)
		}
	}
	rec.caughtUp(m.t, st)
}

func read(ctx context.Context, t *testing.T, st *state, snap *reach.Snapshot) {
	t.Helper()
	for _, list := range lists() {
		if err := env.Admin.List(ctx, list); err != nil {
			t.Fatal(err)
		}
		each(t, list, st.set)
	}
	namespaces, pods, policies := podsAndPolicies(ctx, t)
	ours := func(ns string) bool { return slices.Contains(agencies, strings.TrimPrefix(ns, "agency-")) }
	for _, n := range namespaces {
		if ours(n.Name) {
			snap.Namespaces = append(snap.Namespaces, n)
		}
	}
	for _, p := range pods {
		if ours(p.Namespace) && p.DeletionTimestamp == nil {
			snap.Pods = append(snap.Pods, p)
		}
	}
	snap.Policies = policies
}
