// Package audit proves isolation: what the network policies of a cluster let
// pass between portals, and from portals to addresses, is what approved links
// and declared platforms let pass, nothing more and nothing less. It is pure.
package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/reach"
)

// Input is everything that the proof looks at.
type Input struct {
	Agencies []desired.AgencyInput
	Portals  []desired.PortalInput
	Links    []desired.LinkInput
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
	a.report.Open = a.expected.flows(a.report.Open)
	slices.SortFunc(a.report.Differences, func(x, y Difference) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Message, y.Message))
	})
	a.report.Differences = slices.Compact(a.report.Differences)
	return a.report
}

// edge is one open port between two portals, or from a portal to a block.
type edge struct {
	from, to types.NamespacedName
	block    netip.Prefix
	port     reach.Port
}

// expectation maps what should be open to why.
type expectation map[edge][]string

func (e expectation) add(f desired.OpenFlow, because string) {
	put := func(k edge) { e[k] = append(e[k], because) }
	port := reach.Port{Protocol: corev1.ProtocolTCP, Number: f.Port}
	for _, c := range f.CIDRs {
		// What can't be read is expected to be shut.
		if block, err := netip.ParsePrefix(c); err == nil {
			put(edge{from: f.From, block: block.Masked(), port: port})
		}
	}
	if len(f.CIDRs) == 0 {
		put(edge{from: f.From, to: f.To, port: port})
	}
}

// flows lists the expectation, without those that are in the list of missing ones.
func (e expectation) flows(missing []Flow) []Flow {
	out := []Flow{}
	for k, because := range e {
		slices.Sort(because)
		f := Flow{From: k.from.String(), To: k.to.String(), Port: k.port.String(), Because: slices.Compact(because)}
		if k.block.IsValid() {
			f.To = k.block.String()
		}
		if !slices.ContainsFunc(missing, func(m Flow) bool { return m.From == f.From && m.To == f.To && m.Port == f.Port }) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Flow) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Port, b.Port))
	})
	return out
}

type auditor struct {
	in        Input
	report    Report
	expected  expectation
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
	a := &auditor{in: in, expected: expectation{}, written: map[types.NamespacedName]*networkingv1.NetworkPolicy{}, owners: map[names.Owner]bool{}, named: map[string]bool{}, supposed: map[types.NamespacedName]bool{}}
	a.report.Differences = []Difference{}
	for _, i := range in.Agencies {
		a.owners[names.OwnerOf(v1alpha1.KindAgency, i.Agency)] = true
		a.write(desired.Agency(i).Objects)
	}
	for _, i := range in.Portals {
		out := desired.AgencyPortal(i)
		a.owners[names.OwnerOf(v1alpha1.KindAgencyPortal, i.Portal)] = true
		a.write(out.Objects)
		a.nameServers(i, out)
		for _, f := range desired.PlatformFlows(i, out) {
			a.expected.add(f, "platformRefs of "+f.From.String())
		}
	}
	for _, i := range in.Links {
		out := desired.DataSharingLink(i)
		a.owners[names.OwnerOf(v1alpha1.KindDataSharingLink, i.Link)] = true
		a.write(out.Objects)
		for _, f := range desired.LinkFlows(i, out) {
			a.expected.add(f, "link "+i.Link.Namespace+"/"+i.Link.Name)
		}
	}
	a.endpoints()
	a.evaluator = reach.New(a.in.Snapshot)
	return a
}

// nameServers are expected to be open to what runs, where they have addresses.
func (a *auditor) nameServers(in desired.PortalInput, out desired.PortalOutput) {
	if out.Running == nil || in.Agency == nil || in.Agency.Spec.Suspended {
		return
	}
	for _, c := range in.Settings.ClusterDNS.Addresses {
		block, err := netip.ParsePrefix(c)
		if err != nil {
			continue
		}
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			k := edge{from: types.NamespacedName{Namespace: in.Portal.Namespace, Name: in.Portal.Name}, block: block.Masked(), port: reach.Port{Protocol: protocol, Number: 53}}
			a.expected[k] = append(a.expected[k], "clusterDNS of the installation")
		}
	}
}

func (a *auditor) write(objects []desired.Object) {
	for _, o := range objects {
		if p, ok := o.(*networkingv1.NetworkPolicy); ok {
			a.written[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
		}
	}
}

func (a *auditor) differ(kind, format string, args ...any) {
	a.report.Differences = append(a.report.Differences, Difference{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

// endpoints makes a group of the pods of every portal. A portal without pods
// gets one that does not exist, so that its policies are looked at all the same.
// Other pods of agencies' namespaces are groups too, to which nothing should be open.
func (a *auditor) endpoints() {
	groups := map[types.NamespacedName]*reach.Group{}
	for _, i := range a.in.Portals {
		key := types.NamespacedName{Namespace: i.Portal.Namespace, Name: i.Portal.Name}
		groups[key] = &reach.Group{Name: key.String()}
	}
	a.report.Portals = len(groups)
	for i := range a.in.Snapshot.Pods {
		p := &a.in.Snapshot.Pods[i]
		if _, ok := names.AgencyOf(p.Namespace); !ok || ended(p) {
			continue
		}
		key := types.NamespacedName{Namespace: p.Namespace, Name: p.Labels[names.LabelPortal]}
		if groups[key] == nil {
			key.Name = "(pod) " + p.Name
			groups[key] = &reach.Group{Name: key.String()}
		}
		groups[key].Endpoints = append(groups[key].Endpoints, reach.PodEndpoint(p.Namespace, p.Name))
	}
	a.in.Snapshot.Pods = slices.Clone(a.in.Snapshot.Pods)
	a.in.Snapshot.Namespaces = slices.Clone(a.in.Snapshot.Namespaces)
	for key, group := range groups {
		a.keys = append(a.keys, key)
		if len(group.Endpoints) > 0 {
			continue
		}
		name := "supposed-" + key.Name
		a.in.Snapshot.Pods = append(a.in.Snapshot.Pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: name, Labels: map[string]string{names.LabelPortal: key.Name},
		}})
		a.supposed[types.NamespacedName{Namespace: key.Namespace, Name: name}] = true
		group.Endpoints = []reach.Endpoint{reach.PodEndpoint(key.Namespace, name)}
		if !slices.ContainsFunc(a.in.Snapshot.Namespaces, func(n corev1.Namespace) bool { return n.Name == key.Namespace }) {
			a.in.Snapshot.Namespaces = append(a.in.Snapshot.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: key.Namespace}})
		}
	}
	slices.SortFunc(a.keys, func(x, y types.NamespacedName) int {
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Name, y.Name))
	})
	for _, key := range a.keys {
		a.groups = append(a.groups, *groups[key])
	}
}

func (a *auditor) unreadable() {
	for _, p := range a.evaluator.Problems() {
		a.differ(KindUnreadable, "%s", p)
	}
}

// portalMatrix looks at every ordered pair of portals on every port.
func (a *auditor) portalMatrix() {
	ports := a.evaluator.RepresentativePorts()
	for k := range a.expected {
		// A port that should be open and that no policy names stands for itself.
		ports = append(ports, k.port)
	}
	m := a.evaluator.Matrix(a.groups, ports)
	a.report.Ports = len(m.Ports)
	for _, e := range m.Unresolved {
		a.differ(KindUnreadable, "pod %s could not be looked at", e)
	}
	seen := map[edge]bool{}
	for i, from := range a.keys {
		for j, to := range a.keys {
			cell := m.Cell(i, j)
			if cell.Pairs > 0 && i != j {
				a.report.Pairs++
			}
			for _, port := range cell.OpenPorts {
				k := edge{from: from, to: to, port: port}
				if a.expected[k] == nil {
					a.surplus(k, cell)
					continue
				}
				seen[k] = true
			}
			// Every pod of a portal must reach every pod of the other.
			if len(cell.OpenPorts) > 0 && cell.OpenPairs < cell.Pairs {
				a.differ(KindShut, "%s reaches only some pods of %s: %d of %d pairs of pods", from, to, cell.OpenPairs, cell.Pairs)
			}
		}
	}
	for k, because := range a.expected {
		if !k.block.IsValid() && !seen[k] {
			a.missing(k, because)
		}
	}
}

func (a *auditor) surplus(k edge, cell reach.Cell) {
	flow := cell.Example
	flow.Protocol, flow.Port = k.port.Protocol, k.port.Number
	v := a.evaluator.Evaluate(flow)
	a.differ(KindOpen, "%s reaches %s on %s, which no approved link and no declared platform allows; it is opened by %s", k.from, k.to, k.port, deciding(v))
}

func (a *auditor) missing(k edge, because []string) {
	to := k.to.String()
	if k.block.IsValid() {
		to = k.block.String()
	}
	slices.Sort(because)
	a.report.Open = append(a.report.Open, Flow{From: k.from.String(), To: to, Port: k.port.String()})
	a.differ(KindShut, "%s does not reach %s on %s, which is approved or declared: %s", k.from, to, k.port, strings.Join(slices.Compact(because), ", "))
}

func deciding(v reach.Verdict) string {
	var out []string
	for _, d := range []reach.DirectionVerdict{v.Egress, v.Ingress} {
		if !d.Isolated {
			out = append(out, "the absence of a policy that isolates one of them")
		}
		for _, p := range d.Deciding {
			out = append(out, p.String())
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// addresses looks at what portals reach outside the cluster, and what reaches
// them from there: at both ends of every block that a policy or a platform
// names, right beside it, and at an address that is in none.
func (a *auditor) addresses() {
	ports := a.evaluator.RepresentativePorts()
	for k := range a.expected {
		ports = append(ports, k.port)
	}
	slices.SortFunc(ports, reach.Port.Compare)
	ports = slices.Compact(ports)
	points := a.points()
	for i, from := range a.keys {
		// Pods of one portal differ in nothing that a policy could tell apart but
		// their addresses; the matrix has looked at those.
		pod := a.groups[i].Endpoints[0]
		for _, port := range ports {
			for _, point := range points {
				a.outside(from, pod, point, port)
			}
		}
	}
}

func (a *auditor) outside(portal types.NamespacedName, pod reach.Endpoint, point netip.Addr, port reach.Port) {
	outside := reach.AddressEndpoint(point)
	out := a.evaluator.Evaluate(reach.Flow{From: pod, To: outside, Protocol: port.Protocol, Port: port.Number})
	if out.Reason == reach.ReasonLocalNode || out.Reason == reach.ReasonEndpointAmbiguous {
		return
	}
	var because []string
	var block edge
	for k, why := range a.expected {
		if k.from == portal && k.port == port && k.block.IsValid() && k.block.Contains(point) {
			because, block = why, k
		}
	}
	switch {
	case out.Allowed && because == nil:
		a.surplusOutside(fmt.Sprintf("%s reaches the address %s on %s, which no declared platform has", portal, point, port), portal.String()+" egress "+deciding(out), deciding(out))
	case !out.Allowed && because != nil && out.Reason == reach.ReasonPolicies:
		a.missing(block, because)
	}
	in := a.evaluator.Evaluate(reach.Flow{From: outside, To: pod, Protocol: port.Protocol, Port: port.Number})
	if in.Allowed && in.Reason == reach.ReasonPolicies {
		a.surplusOutside(fmt.Sprintf("the address %s reaches %s on %s", point, portal, port), portal.String()+" ingress "+deciding(in), deciding(in))
	}
}

// surplusOutside names one address and port of all that the same policies open.
func (a *auditor) surplusOutside(what, key, by string) {
	if a.named[key] {
		return
	}
	a.named[key] = true
	a.differ(KindOpen, "%s, and perhaps more; it is opened by %s", what, by)
}

// points are addresses that stand for all others. Those of pods are left out:
// they stand for their pods.
func (a *auditor) points() []netip.Addr {
	set := map[netip.Addr]bool{netip.MustParseAddr("198.51.100.1"): true, netip.MustParseAddr("2001:db8:ffff::1"): true}
	add := func(p netip.Prefix) {
		first, last := p.Masked().Addr(), lastOf(p)
		for _, x := range []netip.Addr{first, last, first.Prev(), last.Next()} {
			if x.IsValid() {
				set[x] = true
			}
		}
	}
	for k := range a.expected {
		if k.block.IsValid() {
			add(k.block)
		}
	}
	for i := range a.in.Snapshot.Policies {
		for _, b := range blocks(&a.in.Snapshot.Policies[i]) {
			for _, c := range append([]string{b.CIDR}, b.Except...) {
				if p, err := netip.ParsePrefix(c); err == nil {
					add(p)
				}
			}
		}
	}
	for i := range a.in.Snapshot.Pods {
		for _, ip := range a.in.Snapshot.Pods[i].Status.PodIPs {
			if x, err := netip.ParseAddr(ip.IP); err == nil {
				delete(set, x.Unmap())
			}
		}
	}
	out := make([]netip.Addr, 0, len(set))
	for x := range set {
		out = append(out, x)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

func blocks(p *networkingv1.NetworkPolicy) []*networkingv1.IPBlock {
	var out []*networkingv1.IPBlock
	peers := func(list []networkingv1.NetworkPolicyPeer) {
		for i := range list {
			if list[i].IPBlock != nil {
				out = append(out, list[i].IPBlock)
			}
		}
	}
	for i := range p.Spec.Egress {
		peers(p.Spec.Egress[i].To)
	}
	for i := range p.Spec.Ingress {
		peers(p.Spec.Ingress[i].From)
	}
	return out
}

// policies names every policy of an agency's namespace that opens something and
// is not to the letter what the operator writes. Thus nothing is open to what is
// neither a portal nor an address either, such as pods of other namespaces.
func (a *auditor) policies() {
	for i := range a.in.Snapshot.Policies {
		p := &a.in.Snapshot.Policies[i]
		if _, ok := names.AgencyOf(p.Namespace); !ok || !desired.Opens(p) {
			continue
		}
		key := types.NamespacedName{Namespace: p.Namespace, Name: p.Name}
		if !a.owned(p) {
			a.differ(KindForeign, "NetworkPolicy %s is not the operator's and opens %s; nobody but the operator should write policies there, so delete it", key, opens(p))
			continue
		}
		if w := a.written[key]; w == nil || !equality.Semantic.DeepEqual(w.Spec, p.Spec) {
			a.differ(KindChanged, "NetworkPolicy %s opens %s, which the operator would not write; it is repaired while the operator runs", key, opens(p))
		}
	}
	for key := range a.written {
		if !slices.ContainsFunc(a.in.Snapshot.Policies, func(p networkingv1.NetworkPolicy) bool { return p.Namespace == key.Namespace && p.Name == key.Name }) {
			a.differ(KindShut, "NetworkPolicy %s is missing; it is written while the operator runs", key)
		}
	}
}

// owned tells whether a policy carries the mark of the operator and of an owner
// that exists.
func (a *auditor) owned(p *networkingv1.NetworkPolicy) bool {
	owner, marked := names.MarkedOwner(p)
	return marked && a.owners[owner]
}

func opens(p *networkingv1.NetworkPolicy) string {
	var out []string
	if len(p.Spec.Ingress) > 0 {
		out = append(out, "ingress")
	}
	if len(p.Spec.Egress) > 0 {
		out = append(out, "egress")
	}
	var outside []string
	for _, b := range blocks(p) {
		outside = append(outside, b.CIDR)
	}
	text := strings.Join(out, " and ")
	if len(outside) > 0 {
		slices.Sort(outside)
		text += " (" + strings.Join(slices.Compact(outside), ", ") + ")"
	}
	return text
}
