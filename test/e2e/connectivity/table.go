package connectivity

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// State is whether a connection opens.
type State int

const (
	// Ignored stands for a cell that nobody asks about.
	Ignored State = iota
	// Closed means that no connection opens.
	Closed
	// Open means that a connection opens.
	Open
)

func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case Closed:
		return "-"
	default:
		return ""
	}
}

// Source is a row: where connections come from.
type Source struct {
	Name string
	Pod  Pod
}

// Table says for rows of pods and columns of targets which connections are expected to open, and which do.
type Table struct {
	Rows     []Source
	Columns  []Target
	Expected [][]State

	attempts [][]Attempt
	tried    [][]bool
}

// NewTable returns a table whose expectation comes from expect. It is asked once for each cell.
func NewTable(rows []Source, columns []Target, expect func(Source, Target) State) *Table {
	t := &Table{Rows: rows, Columns: columns}
	for _, row := range rows {
		expected := make([]State, len(columns))
		for j, column := range columns {
			expected[j] = expect(row, column)
		}
		t.Expected = append(t.Expected, expected)
	}
	return t
}

// observed returns what is known of a cell: Ignored when nothing is.
func (t *Table) observed(i, j int) State {
	switch {
	case i >= len(t.tried) || !t.tried[i][j]:
		return Ignored
	case t.attempts[i][j].Open:
		return Open
	default:
		return Closed
	}
}

func (t *Table) differs(i, j int) bool {
	return t.Expected[i][j] != Ignored && t.observed(i, j) != t.Expected[i][j]
}

// Differences describes every cell that is not as expected, one on a line. A cell that was never tried is one of them:
// nothing is taken for closed only because nobody looked.
func (t *Table) Differences() []string {
	var all []string
	for i, row := range t.Rows {
		for j, column := range t.Columns {
			if !t.differs(i, j) {
				continue
			}
			line := fmt.Sprintf("%s -> %s: want %s, ", row.Name, column.Name, word(t.Expected[i][j]))
			if t.observed(i, j) == Ignored {
				line += "never tried"
			} else if line += "is " + word(t.observed(i, j)); t.attempts[i][j].Error != "" {
				line += " (" + t.attempts[i][j].Error + ")"
			}
			all = append(all, line)
		}
	}
	return all
}

func word(s State) string {
	if s == Closed {
		return "closed"
	}
	return s.String()
}

// String prints what was observed, one row a line, "-" for closed. A cell that is not as expected is followed by "!" and
// what was expected.
func (t *Table) String() string {
	lines := [][]string{{"from \\ to"}}
	for _, column := range t.Columns {
		lines[0] = append(lines[0], column.Name)
	}
	for i, row := range t.Rows {
		line := []string{row.Name}
		for j := range t.Columns {
			cell := t.observed(i, j).String()
			if t.differs(i, j) {
				if t.observed(i, j) == Ignored {
					cell = "?"
				}
				cell += " !" + word(t.Expected[i][j])
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(t.Columns)+1)
	for _, line := range lines {
		for j, cell := range line {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		cells := slices.Clone(line)
		for j, cell := range cells {
			cells[j] = cell + strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
		}
		out.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
	return out.String()
}
