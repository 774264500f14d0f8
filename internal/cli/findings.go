package cli

import (
	"io"
	"strings"

	texts "github.com/govplatform/govplatform/internal/text"
)

// lineWidth is how wide the texts of impact and violations are at most.
const lineWidth = 80

// clipLine makes one line of a text, of at most so many columns once it is printed.
func clipLine(s string, width int) string {
	s = strings.Join(strings.Fields(s), " ")
	if columns(texts.Printable(s)) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && columns(texts.Printable(string(runes)))+len("...") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "..."
}

// printFinding writes one portal or link and what is wrong with it.
func printFinding(w io.Writer, kind, what, control, found, wanted string) {
	say(w, "%-8s%s\n", kind, clipLine(what+" "+control, lineWidth-8))
	say(w, "    found   %s\n", clipLine(found, lineWidth-12))
	say(w, "    wanted  %s\n", clipLine(wanted, lineWidth-12))
}
