package reach

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var compareEndpoints = cmpopts.EquateComparable(Endpoint{})

// TestProperties checks on random snapshots what must hold of any. The seeds are fixed; FuzzProperties looks further.
func TestProperties(t *testing.T) {
	sets := 1000
	if testing.Short() {
		sets = 200
	}
	for seed := range uint64(sets) {
		data := make([]byte, 300)
		random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
		if _, err := random.Read(data); err != nil {
			t.Fatal(err)
		}
		checkProperties(t, data)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzProperties runs the same checks on snapshots that the fuzzer chooses, none of which may panic.
func FuzzProperties(f *testing.F) {
	for seed := range byte(10) {
		data := make([]byte, 200)
		random := rand.NewChaCha8([32]byte{seed})
		if _, err := random.Read(data); err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(checkProperties)
}

func checkProperties(t *testing.T, data []byte) {
	c := &chooser{data: data}
	s := c.world()
	e := New(s)
	ports := []Port{{"TCP", 80}, {"UDP", 81}, {"TCP", int32(1 + c.intn(100))}}
	flows := flowsOf(s, ports...)
	verdicts := make([]Verdict, 0, len(flows))
	for _, flow := range flows {
		v := e.Evaluate(flow)
		verdicts = append(verdicts, v)
		checkVerdict(t, v)
	}
	checkOrderIsIrrelevant(t, s, e, verdicts)
	checkRepresentativePorts(t, e, verdicts)
	checkMatrix(t, e, s, ports)
	v := verdicts[c.intn(len(verdicts))]
	checkRemovingPolicies(t, s, v)
	checkAddingPolicies(t, s, c.policy(), verdicts)
}

// checkVerdict checks one verdict against itself.
func checkVerdict(t *testing.T, v Verdict) {
	t.Helper()
	both := v.Egress.Allowed && v.Ingress.Allowed
	looked := v.Reason == ReasonPolicies || v.Reason == ReasonSelfTraffic || v.Reason == ReasonLocalNode
	if v.Allowed != both || v.Allowed && !looked || !v.Allowed && v.Reason == ReasonSelfTraffic {
		t.Errorf("inconsistent: %+v", v)
	}
	if v.Flow.From == v.Flow.To && v.Flow.From.Name != "" && looked && !v.Allowed {
		t.Errorf("a pod does not reach itself: %+v", v)
	}
	for _, d := range directions {
		side := v.Direction(d)
		sorted := slices.IsSortedFunc(side.Deciding, PolicyRef.Compare)
		named := (len(side.Deciding) > 0) == (v.Reason == ReasonPolicies && side.Isolated)
		if !sorted || !named || side.Allowed && len(side.Undecided) > 0 || looked && !side.Isolated && !side.Allowed {
			t.Errorf("%s: inconsistent: %+v", d, v)
		}
	}
	if v.Explain() == "" {
		t.Errorf("no explanation: %+v", v)
	}
}

func checkOrderIsIrrelevant(t *testing.T, s Snapshot, e *Evaluator, verdicts []Verdict) {
	t.Helper()
	mirrored := Snapshot{
		Namespaces: slices.Clone(s.Namespaces), Pods: slices.Clone(s.Pods), Policies: slices.Clone(s.Policies),
	}
	slices.Reverse(mirrored.Namespaces)
	slices.Reverse(mirrored.Pods)
	slices.Reverse(mirrored.Policies)
	other := New(mirrored)
	if !slices.Equal(e.Problems(), other.Problems()) {
		t.Errorf("problems depend on the order:\n%s", cmp.Diff(e.Problems(), other.Problems()))
	}
	if !slices.Equal(e.RepresentativePorts(), other.RepresentativePorts()) {
		t.Error("representative ports depend on the order")
	}
	for _, v := range verdicts {
		if !reflect.DeepEqual(v, other.Evaluate(v.Flow)) {
			t.Errorf("%s depends on the order:\n%+v\n%+v", v.Flow, v, other.Evaluate(v.Flow))
		}
	}
}

// checkRepresentativePorts compares each verdict with that of the representative below.
func checkRepresentativePorts(t *testing.T, e *Evaluator, verdicts []Verdict) {
	t.Helper()
	representatives := e.RepresentativePorts()
	for _, v := range verdicts {
		at, found := slices.BinarySearchFunc(representatives, v.Flow.destinationPort(), Port.Compare)
		if !found {
			at--
		}
		flow := v.Flow
		flow.Protocol, flow.Port = representatives[at].Protocol, representatives[at].Number
		if flow.Protocol != v.Flow.Protocol || e.Evaluate(flow).Allowed != v.Allowed {
			t.Errorf("%s is not represented by %s", v.Flow, representatives[at])
		}
	}
}

// checkRemovingPolicies: without the policies that isolate a side it is open; without those that allow it, it is denied
// or open because nothing isolates it any more.
func checkRemovingPolicies(t *testing.T, s Snapshot, v Verdict) {
	t.Helper()
	if v.Reason != ReasonPolicies || v.IPFamily == "" {
		return
	}
	for _, d := range directions {
		before := v.Direction(d)
		rest := s
		rest.Policies = slices.DeleteFunc(slices.Clone(s.Policies), func(p networkingv1.NetworkPolicy) bool {
			return slices.Contains(before.Deciding, PolicyRef{Namespace: p.Namespace, Name: p.Name})
		})
		after := New(rest).Evaluate(v.Flow)
		side := after.Direction(d)
		switch {
		case !before.Allowed && (side.Isolated || !side.Allowed):
			t.Errorf("%s: %s is not open without %v", v.Flow, d, before.Deciding)
		case before.Allowed && before.Isolated && side.Allowed && side.Isolated && after.IPFamily == v.IPFamily:
			t.Errorf("%s: %s is still allowed without %v, by %v", v.Flow, d, before.Deciding, side.Deciding)
		}
	}
}

// checkAddingPolicies: a policy more never closes a side that was isolated already, a policy without rules never opens
// anything, and one that allows all traffic of a namespace closes nothing there.
func checkAddingPolicies(t *testing.T, s Snapshot, extra networkingv1.NetworkPolicy, verdicts []Verdict) {
	t.Helper()
	extra.Name = "extra"
	with := func(p networkingv1.NetworkPolicy) *Evaluator {
		more := s
		more.Policies = append(slices.Clone(s.Policies), p)
		return New(more)
	}
	deny := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: extra.Namespace, Name: "deny"}}
	deny.Spec.PolicyTypes = []networkingv1.PolicyType{"Egress", "Ingress"}
	allow := deny
	allow.Name = "allow"
	allow.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	allow.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}

	withExtra, withDeny, withAllow := with(extra), with(deny), with(allow)
	for _, v := range verdicts {
		for _, d := range directions {
			side := v.Direction(d)
			if v.Allowed && side.Isolated && !withExtra.Evaluate(v.Flow).Direction(d).Allowed && otherSideHeld(v, withExtra, d) {
				t.Errorf("%s: one policy more closed %s", v.Flow, d)
			}
		}
		if !v.Allowed && withDeny.Evaluate(v.Flow).Allowed {
			t.Errorf("%s: a policy without rules opened it", v.Flow)
		}
		if v.Allowed && !withAllow.Evaluate(v.Flow).Allowed {
			t.Errorf("%s: a policy that allows everything closed it", v.Flow)
		}
	}
}

// otherSideHeld leaves out flows of dual-stack pods that moved to the other family because of their other side.
func otherSideHeld(v Verdict, e *Evaluator, d Direction) bool {
	return e.Evaluate(v.Flow).IPFamily == v.IPFamily && e.Evaluate(v.Flow).Direction(1-d).Allowed == v.Direction(1-d).Allowed
}

// checkMatrix compares the matrix with one evaluation per pair and port.
func checkMatrix(t *testing.T, e *Evaluator, s Snapshot, ports []Port) {
	t.Helper()
	endpoints := endpointsOf(s)
	half := len(endpoints) / 2
	groups := []Group{
		{Name: "low", Endpoints: endpoints[:half+1]},
		{Name: "high", Endpoints: append(slices.Clone(endpoints[half:]), endpoints[half])},
		{Name: "all", Endpoints: endpoints},
		{Name: "none"},
	}
	m := e.Matrix(groups, ports)
	for i := range groups {
		for j := range groups {
			want := slowCell(e, groups[i].Endpoints, groups[j].Endpoints, m.Ports)
			got := m.Cell(i, j)
			example := got.Example
			got.Example, want.Example = Flow{}, Flow{}
			if diff := cmp.Diff(want, got, compareEndpoints); diff != "" {
				t.Errorf("%s → %s (-want +got):\n%s", groups[i].Name, groups[j].Name, diff)
			}
			if got.Open() && (!e.Evaluate(example).Allowed || example.destinationPort() != got.OpenPorts[0]) {
				t.Errorf("%s → %s: example %s", groups[i].Name, groups[j].Name, example)
			}
		}
	}
}

func slowCell(e *Evaluator, from, to []Endpoint, ports []Port) Cell {
	var cell Cell
	unique := func(endpoints []Endpoint) []Endpoint {
		sorted := slices.SortedFunc(slices.Values(endpoints), Endpoint.Compare)
		return slices.Compact(sorted)
	}
	open := map[Port]bool{}
	for _, a := range unique(from) {
		for _, b := range unique(to) {
			flow := Flow{From: a, To: b, Protocol: corev1.ProtocolTCP, Port: 1}
			source, reasonA := e.resolve(a)
			destination, reasonB := e.resolve(b)
			if reasonA != "" || reasonB != "" || source.pod != nil && source.pod == destination.pod {
				continue
			}
			cell.Pairs++
			opened := 0
			for _, port := range ports {
				flow.Protocol, flow.Port = port.Protocol, port.Number
				if e.Evaluate(flow).Allowed {
					open[port] = true
					opened = 1
				}
			}
			cell.OpenPairs += opened
		}
	}
	for _, port := range ports {
		if open[port] {
			cell.OpenPorts = append(cell.OpenPorts, port)
		}
	}
	return cell
}
