package reach

import "slices"

// Group is a named set of endpoints that is one row and one column of a [Matrix], for example an agency or a portal.
type Group struct {
	// Name of the group; the matrix does not need it to be unique.
	Name string
	// Endpoints in any order; one that is listed twice counts once. Groups may overlap.
	Endpoints []Endpoint
}

// Matrix is who can reach whom among groups, for a list of ports. A pod's traffic to itself is left out, since no policy
// can stop it.
type Matrix struct {
	// Groups are the names of the groups, in the order they were given.
	Groups []string
	// Ports are the ports that were tried, sorted.
	Ports []Port
	// Unresolved are the endpoints left out because the snapshot has no live pod for them, sorted. Empty when every
	// endpoint was looked at.
	Unresolved []Endpoint
	cells      []Cell
}

// Cell is what one group can reach of another.
type Cell struct {
	// Pairs is the number of ordered pairs of endpoints, one of each group and not the same pod.
	Pairs int
	// OpenPairs is how many of the pairs are open on at least one port; 0 to Pairs.
	OpenPairs int
	// OpenPorts are the ports on which at least one pair is open, sorted.
	OpenPorts []Port
	// Example is one open flow, on the first of OpenPorts, to ask [Evaluator.Evaluate] about; the zero Flow when none is.
	Example Flow
}

// Open reports whether anything in the row's group can reach anything in the column's group.
func (c Cell) Open() bool { return c.OpenPairs > 0 }

// Cell returns what the group at index from can reach of the group at index to.
func (m Matrix) Cell(from, to int) Cell { return m.cells[from*len(m.Groups)+to] }

// Matrix evaluates every ordered pair of groups, each group with itself too, on every port. For a proof of isolation pass
// the [Evaluator.RepresentativePorts].
//
// Pods that no policy, selector or ipBlock of the snapshot tells apart, such as the replicas of a Deployment, are
// evaluated once, so the cost grows with the number of different workloads rather than of pods.
func (e *Evaluator) Matrix(groups []Group, ports []Port) Matrix {
	m := Matrix{Ports: slices.Clone(ports), cells: make([]Cell, 0, len(groups)*len(groups))}
	slices.SortFunc(m.Ports, Port.Compare)
	m.Ports = slices.Compact(m.Ports)

	grouper := newGrouper(e)
	rows := make([][]class, 0, len(groups))
	for _, group := range groups {
		m.Groups = append(m.Groups, group.Name)
		rows = append(rows, grouper.classes(group.Endpoints, &m.Unresolved))
	}
	slices.SortFunc(m.Unresolved, Endpoint.Compare)
	m.Unresolved = slices.Compact(m.Unresolved)

	for _, from := range rows {
		for _, to := range rows {
			m.cells = append(m.cells, cellOf(from, to, m.Ports))
		}
	}
	return m
}

// cellOf adds up the pairs of classes.
func cellOf(from, to []class, ports []Port) Cell {
	var cell Cell
	open := make([]bool, len(ports))
	for i := range from {
		for j := range to {
			cell.addClasses(&from[i], &to[j], ports, open)
		}
	}
	for i, port := range ports {
		if open[i] {
			cell.OpenPorts = append(cell.OpenPorts, port)
		}
	}
	return cell
}

// addClasses adds the pairs of two classes. One pair stands for all, unless a member might be the node of some of the
// other class's pods. open collects the open ports by index.
func (c *Cell) addClasses(from, to *class, ports []Port, open []bool) {
	if !from.alone && !to.alone {
		if source, destination, ok := from.distinctPair(to); ok {
			c.addPairs(source, destination, len(from.members)*len(to.members)-from.samePods(to), ports, open)
		}
		return
	}
	for _, source := range from.members {
		for _, destination := range to.members {
			if !source.isSamePod(&destination) {
				c.addPairs(source, destination, 1, ports, open)
			}
		}
	}
}

// addPairs adds a number of pairs for which one stands.
func (c *Cell) addPairs(source, destination member, pairs int, ports []Port, open []bool) {
	c.Pairs += pairs
	first := -1
	for i, port := range ports {
		if isOpen(source.party, destination.party, port) {
			open[i] = true
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return
	}
	if c.OpenPairs == 0 || ports[first].Compare(c.Example.destinationPort()) < 0 {
		c.Example = Flow{
			From: source.endpoint, To: destination.endpoint, Protocol: ports[first].Protocol, Port: ports[first].Number,
		}
	}
	c.OpenPairs += pairs
}

// isOpen is [Evaluator.Evaluate] without the account of who decides.
func isOpen(from, to party, port Port) bool {
	if !port.valid() {
		return false
	}
	if exempt(from, to) != "" {
		return true
	}
	possible := commonFamilies(from.addresses, to.addresses)
	for _, family := range possible.all() {
		c := newConnection(port, family, to)
		if sideOpen(Egress, from, to, c) && sideOpen(Ingress, to, from, c) {
			return true
		}
	}
	return false
}

func sideOpen(d Direction, near, far party, c connection) bool {
	if !isolated(d, near) {
		return true
	}
	for _, p := range near.pod.selected[d] {
		if p.matches(d, far, c) == match {
			return true
		}
	}
	return false
}
