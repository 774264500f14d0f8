package view

import (
	"cmp"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/reach"
)

// AgencyMatrix is the table of who reaches whom among agencies.
type AgencyMatrix struct {
	Agencies []string     `json:"agencies"`
	Cells    []MatrixCell `json:"open"`
	// Ports is how many ports stand for all.
	Ports int `json:"portsTried"`
}

// MatrixCell is what one agency's portals reach of another's.
type MatrixCell struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Ports []string `json:"ports"`
	// Portals are the pairs of portals between which a port is open, sorted.
	Portals []string `json:"portals"`
}

// Matrix looks at every pair of portals on every port that any policy tells apart.
func (c *State) Matrix() AgencyMatrix {
	e := reach.New(c.snapshot())
	var groups []reach.Group
	var keys []client.ObjectKey
	for i := range c.portals.Items {
		key := client.ObjectKeyFromObject(&c.portals.Items[i])
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	for _, key := range keys {
		groups = append(groups, reach.Group{Name: key.String(), Endpoints: c.podsOf(key)})
	}
	m := e.Matrix(groups, e.RepresentativePorts())
	out := AgencyMatrix{Cells: []MatrixCell{}, Agencies: []string{}, Ports: len(m.Ports)}
	cells := map[[2]string]*MatrixCell{}
	for i, from := range keys {
		for j, to := range keys {
			cell := m.Cell(i, j)
			if !cell.Open() {
				continue
			}
			a, b := AgencyOf(from.Namespace), AgencyOf(to.Namespace)
			if cells[[2]string{a, b}] == nil {
				cells[[2]string{a, b}] = &MatrixCell{From: a, To: b}
			}
			k := cells[[2]string{a, b}]
			k.Portals = append(k.Portals, from.Name+" → "+to.Name)
			for _, p := range cell.OpenPorts {
				k.Ports = append(k.Ports, p.String())
			}
		}
	}
	for _, key := range keys {
		out.Agencies = append(out.Agencies, AgencyOf(key.Namespace))
	}
	slices.Sort(out.Agencies)
	out.Agencies = slices.Compact(out.Agencies)
	for _, k := range cells {
		slices.Sort(k.Ports)
		k.Ports = slices.Compact(k.Ports)
		out.Cells = append(out.Cells, *k)
	}
	slices.SortFunc(out.Cells, func(a, b MatrixCell) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	return out
}
