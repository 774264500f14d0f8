package cli

// tone is how a cell is meant: good, bad or pending.
type tone int

const (
	plain tone = iota
	good
	bad
	pending
	heading
)

// cell is one text of a table.
type cell struct {
	text string
	tone tone
}

// text returns a cell without a tone.
func text(s string) cell { return cell{text: s} }

// table is a list of rows below a header. It is written by whoever shows it; what
// stands in a cell may be anything.
type table struct {
	header []string
	rows   [][]cell
}

// add adds a row.
func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }
