package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	texts "github.com/govplatform/govplatform/internal/text"
)

// tone is how a cell is colored on a terminal.
type tone int

const (
	plain tone = iota
	good
	bad
	pending
	heading
)

var toneCodes = map[tone]string{good: "\x1b[32m", bad: "\x1b[31m", pending: "\x1b[33m", heading: "\x1b[1m"}

type cell struct {
	text string
	tone tone
}

func text(s string) cell { return cell{text: s} }

// line is what a cell shows.
func (c cell) line() string { return texts.Line(c.text) }

// table is a list of rows below a header. It pads by the columns that a text
// takes, and before coloring, because color codes take no room. A cell is one
// line, whatever stands in it.
type table struct {
	header []string
	rows   [][]cell
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer, color bool) error {
	head := make([]cell, len(t.header))
	for i, h := range t.header {
		head[i] = cell{text: h, tone: heading}
	}
	rows := append([][]cell{head}, t.rows...)
	widths := make([]int, len(t.header))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], columns(c.line()))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			padding := strings.Repeat(" ", widths[i]-columns(c.line())+3)
			if i == len(row)-1 {
				padding = ""
			}
			line.WriteString(paint(c, color) + padding)
		}
		if err := raw(w, []byte(strings.TrimRight(line.String(), " ")+"\n")); err != nil {
			return err
		}
	}
	return nil
}

func paint(c cell, color bool) string {
	code := toneCodes[c.tone]
	if !color || code == "" || c.text == "" {
		return c.line()
	}
	return code + c.line() + "\x1b[0m"
}

// ColorWanted tells whether w is a terminal whose user did not switch colors
// off (https://no-color.org).
func ColorWanted(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
