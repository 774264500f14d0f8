// Package text is the one place for texts that people write: how they are
// compared, shown and cut. It is pure.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may follow one another. Vietnamese needs
// two when it is written in parts; more pile up over the lines around them.
const maxMarks = 4

// Normalise returns the text as it is compared, hashed and counted: composed
// (NFC), without white space at its ends, and with one plain space for all white
// space inside. Two spellings that look alike are one text.
func Normalise(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, string(utf8.RuneError)))
	return strings.Join(strings.Fields(s), " ")
}

// Fold returns the text as duplicates are found: as Normalise, without regard to
// letter case and to what nobody sees.
func Fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsSpace(r) && !Visible(r) {
			return -1
		}
		return r
	}, s)
	return Normalise(cases.Fold().String(Normalise(s)))
}

// invisible are the characters that Unicode counts among letters, marks and
// symbols and that leave no mark on a screen all the same.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian selectors
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // empty Braille pattern
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // half-width Hangul filler
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // object replacement
	},
	R32: []unicode.Range32{
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan filler
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // musical null note
		{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}, // tags and further variation selectors
	},
}

// Visible reports whether a reader sees the character: a letter, mark, number,
// punctuation, symbol or the plain space. Control characters, those that turn
// the direction of writing, zero-width and private ones are not visible, and
// neither are the wide and narrow kinds of space, which pass for the plain one.
func Visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(invisible, r)
}

// Printable returns the text for a terminal, a log or a condition. What is not
// visible, and combining marks that have nothing to stand on, come out as
// \u{XXXX} and bytes that are no text as \x{XX}, so no text erases or reorders
// what stands around it, and different texts stay different. Visible text comes
// out as it is.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := maxMarks
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x{%02X}`, s[i])
			marks = maxMarks
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || !Visible(r) {
				fmt.Fprintf(&b, `\u{%04X}`, r)
				marks = maxMarks
			} else {
				b.WriteRune(r)
			}
		case !Visible(r) || escapes(s[i:]):
			fmt.Fprintf(&b, `\u{%04X}`, r)
			marks = maxMarks
		default:
			b.WriteRune(r)
			marks = 0
		}
		i += size
	}
	return b.String()
}

// plain reports whether a text is printable ASCII without a backslash, as most are.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			return false
		}
	}
	return true
}

// escapes reports whether the text starts like one of Printable's own escapes;
// its backslash is escaped then, so nobody can imitate one.
func escapes(s string) bool {
	return strings.HasPrefix(s, `\u{`) || strings.HasPrefix(s, `\x{`)
}

// Line returns the text in one line, for conditions and tables: white space is
// folded, and the rest is printable.
func Line(s string) string {
	return Printable(strings.Join(strings.Fields(s), " "))
}

// ellipsis ends a text that was cut.
const ellipsis = "..."

// Clip returns at most limit bytes of the text, cut between characters and marked
// with an ellipsis. The store and the schema bound texts by bytes and by
// characters; a text of limit bytes has no more characters than that.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len(ellipsis)
	if end <= 0 {
		return ellipsis[:limit]
	}
	return s[:Boundary(s, end)] + ellipsis
}

// Boundary returns where a text of more than limit bytes is cut: at most there, and
// between characters.
func Boundary(s string, limit int) int {
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return limit
}

// Few joins the first n of some names and counts the others.
func Few(names []string, n int) string {
	joined := strings.Join(names[:min(n, len(names))], ", ")
	if rest := len(names) - n; rest > 0 {
		return fmt.Sprintf("%s and %d more", joined, rest)
	}
	return joined
}

// ClipList returns the first n items, and how many more there are.
func ClipList(items []string, n int) []string {
	if len(items) <= n {
		return items
	}
	return append(items[:n:n], fmt.Sprintf("and %d more", len(items)-n))
}

// maxQuote is how many bytes of a text stand in a message; the text itself
// stands in a field of its own.
const maxQuote = 512

// quotes are the double quotation marks and what looks like one.
const quotes = "\"\u02ba\u02dd\u02ee\u02f6\u05f2\u05f4\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u301d\u301e\u301f\uff02"

// Quote returns a text that people wrote, such as a name, a group or a reason,
// for a message of ours: in one line, printable, bounded, and between quotation
// marks that nothing inside of it ends. Whatever it says, a reader sees that it
// is what somebody said.
func Quote(s string) string {
	var b strings.Builder
	for _, r := range Line(s) {
		if r == '\\' || strings.ContainsRune(quotes, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return `"` + Clip(b.String(), maxQuote) + `"`
}
