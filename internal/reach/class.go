package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// member is an endpoint of a group, resolved.
type member struct {
	endpoint Endpoint
	party    party
}

// class is members of one group that every flow treats alike, sorted by endpoint.
type class struct {
	key string
	// alone: the one member is an address or on the host network, so it may be the node of some pods and not of others.
	alone   bool
	members []member
}

// samePods counts the pairs of members that are one pod with itself.
func (c *class) samePods(other *class) int {
	if c.key != other.key {
		return 0
	}
	count := 0
	for i := range c.members {
		for j := range other.members {
			if c.members[i].isSamePod(&other.members[j]) {
				count++
			}
		}
	}
	return count
}

func (m *member) isSamePod(other *member) bool {
	return m.party.pod != nil && m.party.pod == other.party.pod
}

// distinctPair returns the first pair of members that are not one pod with itself.
func (c *class) distinctPair(other *class) (member, member, bool) {
	for i := range c.members {
		for j := range other.members {
			if !c.members[i].isSamePod(&other.members[j]) {
				return c.members[i], other.members[j], true
			}
		}
	}
	return member{}, member{}, false
}

// grouper finds the classes of groups.
type grouper struct {
	evaluator *Evaluator
	blocks    []*ipBlock
	keys      map[*pod]string
}

func newGrouper(e *Evaluator) *grouper {
	g := &grouper{evaluator: e, keys: make(map[*pod]string)}
	for _, p := range e.policies {
		for _, d := range directions {
			for i := range p.rules[d] {
				for _, peer := range p.rules[d][i].peers {
					if peer.block != nil {
						g.blocks = append(g.blocks, peer.block)
					}
				}
			}
		}
	}
	return g
}

// classes resolves the endpoints of one group and puts those together that share a key.
func (g *grouper) classes(endpoints []Endpoint, unresolved *[]Endpoint) []class {
	sorted := slices.Clone(endpoints)
	slices.SortFunc(sorted, Endpoint.Compare)
	byKey := make(map[string]int)
	var classes []class
	for _, endpoint := range slices.Compact(sorted) {
		resolved, reason := g.evaluator.resolve(endpoint)
		if reason != "" {
			*unresolved = append(*unresolved, endpoint)
			continue
		}
		key, alone := g.key(endpoint, resolved)
		at, ok := byKey[key]
		if !ok {
			at = len(classes)
			byKey[key] = at
			classes = append(classes, class{key: key, alone: alone})
		}
		classes[at].members = append(classes[at].members, member{endpoint: endpoint, party: resolved})
	}
	return classes
}

// key is equal for two pods when no flow can tell them apart: same namespace, labels and named ports, same IP families,
// and in or out of the same ipBlocks. hostNetwork pods and addresses stand alone, because which node a pod is on
// matters to them.
func (g *grouper) key(endpoint Endpoint, resolved party) (key string, alone bool) {
	if !resolved.subject() || endpoint.Address.IsValid() {
		return "alone " + endpoint.String(), true
	}
	if _, ok := g.keys[resolved.pod]; !ok {
		g.keys[resolved.pod] = g.podKey(resolved.pod)
	}
	return g.keys[resolved.pod], false
}

func (g *grouper) podKey(p *pod) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%s\n%s\n", p.key.Namespace, p.labels)
	ports := make([]string, 0, len(p.namedPorts))
	for _, named := range p.namedPorts {
		ports = append(ports, named.name+"="+named.port.String())
	}
	slices.Sort(ports)
	fmt.Fprintf(&key, "%s\n", slices.Compact(ports))
	for _, address := range [...]netip.Addr{p.addresses.v4, p.addresses.v6} {
		fmt.Fprintf(&key, "%t ", address.IsValid())
		for _, block := range g.blocks {
			if address.IsValid() && block.contains(address) {
				key.WriteByte('1')
			} else {
				key.WriteByte('0')
			}
		}
	}
	return key.String()
}
