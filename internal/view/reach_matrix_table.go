package view

import (
	"fmt"
	"slices"
	"strconv"
)

// Table shows the matrix: rows reach columns. A cell holds the number of pairs of
// portals between which something is open.
func (m AgencyMatrix) Table() Table {
	t := Table{Header: []string{"FROM \\ TO"}}
	for i := range m.Agencies {
		t.Header = append(t.Header, strconv.Itoa(i+1))
	}
	for i, from := range m.Agencies {
		row := []Cell{Text(fmt.Sprintf("%2d %s", i+1, from))}
		for _, to := range m.Agencies {
			k := slices.IndexFunc(m.Cells, func(c MatrixCell) bool { return c.From == from && c.To == to })
			if k < 0 {
				row = append(row, Text("·"))
				continue
			}
			row = append(row, Cell{Text: strconv.Itoa(len(m.Cells[k].Portals)), Tone: Good})
		}
		t.Add(row...)
	}
	return t
}
