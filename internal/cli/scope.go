package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/govplatform/govplatform/api/v1alpha1"
	texts "github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/view"
)

// The table of a scope can't be imitated: what stands in objects is always
// between quotes, in the right column, and goes on behind a + where it is long;
// what the command says itself has no quotes. Lines have at most 80 columns.
const (
	labelColumns = 16
	valueColumns = 80 - 2 - labelColumns - 2
)

// scopeTable writes rows.
type scopeTable struct{ w io.Writer }

// row writes a value that stands in an object.
func (t scopeTable) row(label, value string) {
	t.lines(label, `"`+strings.ReplaceAll(texts.Printable(value), `"`, `\"`)+`"`)
}

// fact writes what the command says itself, or a value that has no text in it.
func (t scopeTable) fact(label, text string) { t.lines(label, texts.Printable(text)) }

func (t scopeTable) lines(label, text string) {
	for i, part := range wrap(text, valueColumns) {
		mark := "| "
		if i > 0 {
			label, mark = "", "+ "
		}
		_ = raw(t.w, []byte("  "+pad(label, labelColumns)+mark+part+"\n"))
	}
}

// wrap cuts a printable text into lines of at most so many columns; marks stay
// on their letters.
func wrap(text string, most int) []string {
	var out []string
	var line strings.Builder
	used := 0
	for _, r := range text {
		n := columnsOf(r)
		if used+n > most {
			out = append(out, line.String())
			line.Reset()
			used = 0
		}
		line.WriteRune(r)
		used += n
	}
	return append(out, line.String())
}

// printScope shows the exact scope, who decided what so far, and notes.
func printScope(w io.Writer, s view.ScopeShown) {
	t := scopeTable{w}
	say(w, "DataSharingLink %s\n", s.Link)
	if s.Scope == nil {
		t.fact("scope", "none yet")
	} else {
		printWhat(t, s)
	}
	printDecided(t, s)
	switch s.Hash {
	case "":
		t.fact("hash", "none")
	default:
		t.row("hash", s.Hash)
		if !s.Checked {
			t.fact("", "as the operator states it; you may not read all that it rests on")
		}
	}
	for _, n := range s.Notes {
		say(w, "note: %s\n", n)
	}
}

func printWhat(t scopeTable, s view.ScopeShown) {
	c := s.Scope
	printEnd(t, s, "consumer", c.Consumer)
	if c.RequestedBy == "" {
		t.fact("requested by", "not said")
	} else {
		t.row("requested by", c.RequestedBy)
	}
	printEnd(t, s, "provider", c.Provider)
	if c.Via != nil {
		printEnd(t, s, "via", *c.Via)
	}
	t.row("service", c.Service.Name)
	if s.Identifier != "" {
		t.row("identifier", s.Identifier)
	}
	t.fact("operations", fmt.Sprintf("%d operations:", len(c.Operations)))
	for i, o := range c.Operations {
		t.row(fmt.Sprintf("  %d of %d name", i+1, len(c.Operations)), o.Name)
		t.row("    call", o.Method+" "+o.Path)
	}
	t.fact("valid until", view.Clock(c.ValidUntil.Time))
	rate := "no bound"
	if c.RequestsPerSecond > 0 {
		rate = fmt.Sprintf("%d requests per second", c.RequestsPerSecond)
	}
	t.fact("rate limit", rate)
	t.row("route", string(c.Route))
	t.row("classification", string(c.Classification))
	t.row("purpose", c.Purpose)
	if c.LegalBasis == "" {
		t.fact("legal basis", "none")
	} else {
		t.row("legal basis", c.LegalBasis)
	}
}

func printEnd(t scopeTable, s view.ScopeShown, label string, e v1alpha1.LinkScopeEnd) {
	t.row(label, string(e.Agency)+"/"+e.Name)
	if a, ok := s.Agencies[string(e.Agency)]; ok {
		t.row("  agency", a.DisplayName)
		t.row("  code", a.Code)
	}
	t.fact("  level", fmt.Sprintf("%d of 5", e.SecurityLevel))
	t.row("  exposure", string(e.Exposure))
	t.row("  data", string(e.DataClassification))
	t.row("  image", e.Image)
}

// printDecided says who decided what and when, the oldest first, and whether
// that was about this scope.
func printDecided(t scopeTable, s view.ScopeShown) {
	t.fact("decided so far", fmt.Sprintf("%d decisions:", len(s.Decisions)))
	for i, d := range s.Decisions {
		nth := fmt.Sprintf("  %d of %d", i+1, len(s.Decisions))
		if d.Decision == string(v1alpha1.DecisionRevoked) {
			t.fact(nth, "deleted; by whom, the API server's audit log says")
			t.row("    decision", view.Revoked(s.Decisions, i))
			t.row("    that was by", d.Approver)
			d.Reason = ""
		} else {
			t.row(nth+" by", d.Approver)
			t.row("    decision", d.Decision)
		}
		t.row("    for", string(d.Side))
		t.fact("    at", view.Clock(d.Time.Time))
		switch d.SpecHash {
		case "":
			t.fact("    about", "whatever scope")
		case s.Hash:
			t.fact("    about", "exactly this scope")
		default:
			t.fact("    about", "another scope: what stands above has changed since, or was asked for anew")
		}
		if d.Reason != "" {
			t.row("    reason", d.Reason)
		}
	}
}
