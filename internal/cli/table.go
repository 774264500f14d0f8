package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	texts "github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/view"
)

var toneCodes = map[view.Tone]string{view.Good: "\x1b[32m", view.Bad: "\x1b[31m", view.Pending: "\x1b[33m", view.Heading: "\x1b[1m"}

// line is what a cell shows.
func line(c view.Cell) string { return texts.Line(c.Text) }

// writeTable writes a table for people. It pads by the columns that a text takes,
// and before coloring, because color codes take no room. A cell is one line,
// whatever stands in it.
func writeTable(w io.Writer, t view.Table, color bool) error {
	head := make([]view.Cell, len(t.Header))
	for i, h := range t.Header {
		head[i] = view.Cell{Text: h, Tone: view.Heading}
	}
	rows := append([][]view.Cell{head}, t.Rows...)
	widths := make([]int, len(t.Header))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], columns(line(c)))
		}
	}
	for _, row := range rows {
		var out strings.Builder
		for i, c := range row {
			padding := strings.Repeat(" ", widths[i]-columns(line(c))+3)
			if i == len(row)-1 {
				padding = ""
			}
			out.WriteString(paint(c, color) + padding)
		}
		if err := raw(w, []byte(strings.TrimRight(out.String(), " ")+"\n")); err != nil {
			return err
		}
	}
	return nil
}

func paint(c view.Cell, color bool) string {
	code := toneCodes[c.Tone]
	if !color || code == "" || c.Text == "" {
		return line(c)
	}
	return code + line(c) + "\x1b[0m"
}

// ColorWanted tells whether w is a terminal whose user did not switch colors
// off (https://no-color.org).
func ColorWanted(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
