package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	texts "github.com/govplatform/govplatform/internal/text"
)

var toneCodes = map[tone]string{good: "\x1b[32m", bad: "\x1b[31m", pending: "\x1b[33m", heading: "\x1b[1m"}

// line is what a cell shows.
func line(c cell) string { return texts.Line(c.text) }

// writeTable writes a table for people. It pads by the columns that a text takes,
// and before coloring, because color codes take no room. A cell is one line,
// whatever stands in it.
func writeTable(w io.Writer, t table, color bool) error {
	head := make([]cell, len(t.header))
	for i, h := range t.header {
		head[i] = cell{text: h, tone: heading}
	}
	rows := append([][]cell{head}, t.rows...)
	widths := make([]int, len(t.header))
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

func paint(c cell, color bool) string {
	code := toneCodes[c.tone]
	if !color || code == "" || c.text == "" {
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
