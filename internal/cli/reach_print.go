package cli

import (
	"io"
	"strings"

	"github.com/govplatform/govplatform/internal/view"
)

// PrintMatrix writes the matrix for people.
func PrintMatrix(w io.Writer, m view.AgencyMatrix, color bool) error {
	if err := writeTable(w, m.Table(), color); err != nil {
		return err
	}
	say(w, "\n")
	for _, c := range m.Cells {
		say(w, "%s → %s: %s (%s)\n", c.From, c.To, strings.Join(c.Portals, ", "), strings.Join(c.Ports, ", "))
	}
	say(w, "Everything else is shut: %d of %d pairs of agencies, on every port (%d stand for all).\n",
		len(m.Agencies)*len(m.Agencies)-len(m.Cells), len(m.Agencies)*len(m.Agencies), m.Ports)
	return nil
}

// printAnswer writes the answer for people.
func printAnswer(w io.Writer, a view.ReachAnswer) {
	answer := "No"
	switch {
	case a.Open:
		answer = "Yes"
	case len(a.Over) > 0:
		say(w, "Not directly: over %s.\n", strings.Join(a.Over, ", "))
		answer = "Directly no"
	}
	say(w, "%s: %s\n", answer, a.Why)
	for _, l := range a.Links {
		say(w, "  - %s\n", l)
	}
}
