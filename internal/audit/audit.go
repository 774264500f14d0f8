// Package audit proves isolation: what the network policies of a cluster let
// pass between portals, and from portals to addresses, is what approved links
// and declared platforms let pass, nothing more and nothing less. It is pure.
package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/reach"
)

// Input is everything that the proof looks at.
type Input struct {
	Agencies []agency.Input
	Portals  []portal.Input
	Links    []link.Input
	// Snapshot of all namespaces, pods and network policies.
	Snapshot reach.Snapshot
	// ReplicaSets and Deployments say who made the pods.
	ReplicaSets []appsv1.ReplicaSet
	Deployments []appsv1.Deployment
}

// Report is the result of an audit.
type Report struct {
	// Portals and Pairs say how much was looked at: every portal, every ordered
	// pair of portals and every port that any policy tells from others.
	Portals int `json:"portals"`
	Pairs   int `json:"pairs"`
	Ports   int `json:"ports"`
	// Open are the flows that are open as they should be, sorted.
	Open []Flow `json:"open"`
	// Differences are what is not as it should be, sorted; empty when the proof holds.
	Differences []Difference `json:"differences"`
}

// Flow is an open port between two ends.
type Flow struct {
	From string `json:"from"`
	// To is namespace/name of a portal, or a block of addresses.
	To   string `json:"to"`
	Port string `json:"port"`
	// Because names the links and references that it rests on, sorted.
	Because []string `json:"because"`
}

// Kinds of difference.
const (
	// KindOpen: something is open that nothing approved or declared.
	KindOpen = "Open"
	// KindShut: something is shut that is approved or declared.
	KindShut = "Shut"
	// KindForeign: a policy that is not the operator's opens something.
	KindForeign = "ForeignPolicy"
	// KindChanged: a policy with the operator's mark opens what the operator would not write.
	KindChanged = "ChangedPolicy"
	// KindStrangePod: a pod that no portal's ReplicaSet made, that carries another
	// portal's label, or that is at an address which is not its own.
	KindStrangePod = "StrangePod"
	// KindChangedPod: a pod that is not what its ReplicaSet makes.
	KindChangedPod = "ChangedPod"
	// KindUnreadable: something could not be read, so nothing is proved.
	KindUnreadable = "Unreadable"
)

// Difference is one sentence about what is not as it should be.
type Difference struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// Holds tells whether the proof holds.
func (r Report) Holds() bool { return len(r.Differences) == 0 }

// Run compares what is open with what should be.
func Run(in Input) Report {
	a := newAuditor(in)
	a.unreadable()
	a.portalMatrix()
	a.addresses()
	a.policies()
	a.pods()
	a.report.Open = a.expected.flows(a.shut)
	slices.SortFunc(a.report.Differences, func(x, y Difference) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Message, y.Message))
	})
	a.report.Differences = slices.Compact(a.report.Differences)
	return a.report
}

type auditor struct {
	in       Input
	report   Report
	expected expectation
	// shut are the edges among the expected that are not open.
	shut      map[edge]bool
	written   map[types.NamespacedName]*networkingv1.NetworkPolicy
	owners    map[names.Owner]bool
	groups    []reach.Group
	keys      []types.NamespacedName
	evaluator *reach.Evaluator
	// named are the openings to and from addresses that have been named.
	named map[string]bool
	// supposed are the pods that stand for portals without any.
	supposed map[types.NamespacedName]bool
}

func newAuditor(in Input) *auditor {
	a := &auditor{in: in, expected: expectation{}, shut: map[edge]bool{},
		written: map[types.NamespacedName]*networkingv1.NetworkPolicy{}, owners: map[names.Owner]bool{}, named: map[string]bool{}, supposed: map[types.NamespacedName]bool{}}
	a.report.Differences = []Difference{}
	for _, i := range in.Agencies {
		a.owners[names.OwnerOf(v1alpha1.KindAgency, i.Agency)] = true
		a.write(agency.Decide(i).Objects)
	}
	for _, i := range in.Portals {
		out := portal.Decide(i)
		a.owners[names.OwnerOf(v1alpha1.KindAgencyPortal, i.Portal)] = true
		a.write(out.Objects)
		a.nameServers(i, out)
		for _, f := range portal.Flows(i, out) {
			a.expected.add(f, "platformRefs of "+f.From.String())
		}
	}
	for _, i := range in.Links {
		out := link.Decide(i)
		a.owners[names.OwnerOf(v1alpha1.KindDataSharingLink, i.Link)] = true
		a.write(out.Objects)
		for _, f := range link.Flows(i, out) {
			a.expected.add(f, "link "+i.Link.Namespace+"/"+i.Link.Name)
		}
	}
	a.endpoints()
	a.evaluator = reach.New(a.in.Snapshot)
	return a
}

func (a *auditor) write(objects []object.Object) {
	for _, o := range objects {
		if p, ok := o.(*networkingv1.NetworkPolicy); ok {
			a.written[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
		}
	}
}

func (a *auditor) differ(kind, format string, args ...any) {
	a.report.Differences = append(a.report.Differences, Difference{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

func (a *auditor) unreadable() {
	for _, p := range a.evaluator.Problems() {
		a.differ(KindUnreadable, "%s", p)
	}
}
