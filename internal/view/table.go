package view

// Tone is how a cell is meant: good, bad or pending.
type Tone int

// Tones. Heading is that of a header.
const (
	Plain Tone = iota
	Good
	Bad
	Pending
	Heading
)

// Cell is one text of a table.
type Cell struct {
	Text string
	Tone Tone
}

// Text returns a cell without a tone.
func Text(s string) Cell { return Cell{Text: s} }

// Table is a list of rows below a header. It is written by whoever shows it; what
// stands in a cell may be anything.
type Table struct {
	Header []string
	Rows   [][]Cell
}

// Add adds a row.
func (t *Table) Add(cells ...Cell) { t.Rows = append(t.Rows, cells) }
