package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
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

// table is a list of rows below a header. It pads by characters, because names
// hold Vietnamese letters of several bytes, and before coloring, because
// color codes take no room.
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
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+3)
			if i == len(row)-1 {
				padding = ""
			}
			line.WriteString(paint(c, color) + padding)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func paint(c cell, color bool) string {
	code := toneCodes[c.tone]
	if !color || code == "" || c.text == "" {
		return c.text
	}
	return code + c.text + "\x1b[0m"
}

// ColorWanted tells whether w is a terminal whose user did not switch colors
// off (https://no-color.org).
func ColorWanted(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}
