package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestNormalise(t *testing.T) {
	const composed = "Xác nhận cư trú để giải quyết hồ sơ thuế"
	for _, s := range []string{
		composed, norm.NFD.String(composed), composed + " ", "\t" + composed + "\n",
		strings.ReplaceAll(composed, " ", "  "), strings.ReplaceAll(composed, " ", "\u00a0"), strings.ReplaceAll(composed, " ", "\u2003"),
	} {
		if got := Normalise(s); got != composed {
			t.Errorf("Normalise(%q) = %q, want %q", s, got, composed)
		}
	}
	if Normalise("Cư trú") == Normalise("cư trú") {
		t.Error("letter case is lost")
	}
}

func TestFold(t *testing.T) {
	const want = "định danh công dân"
	for _, s := range []string{"Định danh  công dân", norm.NFD.String("ĐỊNH DANH CÔNG DÂN"), "định\u200b danh công dân\ufeff", " định\u00a0danh công dân"} {
		if got := Fold(s); got != want {
			t.Errorf("Fold(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"Cổng thông tin thuế":              "Cổng thông tin thuế",
		norm.NFD.String("thuế"):            norm.NFD.String("thuế"),
		"a\x1b[2Jb":                        `a\u{001B}[2Jb`,
		"a\nb\tc\r":                        `a\u{000A}b\u{0009}c\u{000D}`,
		"a\u202eb\u2066c":                  `a\u{202E}b\u{2066}c`,
		"a\u200bb\u00adc\ufeff":            `a\u{200B}b\u{00AD}c\u{FEFF}`,
		"a\u00a0b\u3000c":                  `a\u{00A0}b\u{3000}c`,
		"a\u3164b\u2800c":                  `a\u{3164}b\u{2800}c`,
		"a\ufe0fb\U000e0041c":              `a\u{FE0F}b\u{E0041}c`,
		"a\ue000b":                         `a\u{E000}b`,
		"a\u009b2J":                        `a\u{009B}2J`,
		"a\xffb":                           `a\x{FF}b`,
		`C:\users \n`:                      `C:\users \n`,
		`a\u{202E}b`:                       `a\u{005C}u{202E}b`,
		`a\x{FF}b`:                         `a\u{005C}x{FF}b`,
		"\u0301a":                          `\u{0301}a`,
		"a\u0301\u0301\u0301\u0301b":       "a\u0301\u0301\u0301\u0301b",
		"a\u0301\u0301\u0301\u0301\u0301b": "a\u0301\u0301\u0301\u0301" + `\u{0301}b`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestVisible: every character of the kinds that nobody sees, whole tables of
// them, and none that people write with.
func TestVisible(t *testing.T) {
	hidden := []*unicode.RangeTable{unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Join_Control,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, hidden...) && Visible(r) {
			t.Errorf("%U counts as visible", r)
		}
		if r != ' ' && unicode.IsSpace(r) && Visible(r) {
			t.Errorf("the space %U counts as visible", r)
		}
	}
	for _, r := range norm.NFD.String("Cổng DVC Đà Nẵng – “Một cửa” № 1/2026: 100% (½) € ₫, ສະບາຍດີ ភាសា 中文 ქართ") {
		if !Visible(r) {
			t.Errorf("%U %c does not count as visible", r, r)
		}
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		s    string
		max  int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "..."}, {"abcdef", 5, "ab..."}, {"ếếếế", 9, "ếế..."}, {"ếếếế", 8, "ế..."}, {"🇻🇳🇻🇳", 8, "🇻..."}, {"abcd", 2, ".."}, {"abc", 0, ""},
	} {
		if got := Clip(tt.s, tt.max); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.max, got, tt.want)
		}
	}
}

func TestLine(t *testing.T) {
	if got, want := Line(" two\nlines\t and \x1b "), `two lines and \u{001B}`; got != want {
		t.Errorf("Line = %q, want %q", got, want)
	}
}

// FuzzText: whatever comes in, nothing invisible comes out, different texts stay
// different, what is normal stays as it is, and what is cut fits.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "Cổng", "a\x1b[2J", "\u202e", `\u{202E}`, "\u0301\u0301", "\xff", "e\u0302\u0301 x", "\u0315\u0300"} {
		f.Add(s, `\u{001B}`, 7)
	}
	f.Fuzz(func(t *testing.T, a, b string, limit int) {
		p := Printable(a)
		for _, r := range p {
			if !Visible(r) {
				t.Fatalf("Printable(%q) = %q lets %U through", a, p, r)
			}
		}
		if !utf8.ValidString(p) {
			t.Fatalf("Printable(%q) = %q is no text", a, p)
		}
		if a != b && p == Printable(b) {
			t.Fatalf("%q and %q both come out as %s", a, b, p)
		}
		for _, f := range []func(string) string{Normalise, Fold, Line} {
			if once := f(a); once != f(once) && once == strings.ToValidUTF8(once, "") {
				if !strings.Contains(once, `\`) {
					t.Fatalf("%q becomes %q and then %q", a, once, f(once))
				}
			}
		}
		if Normalise(norm.NFD.String(a)) != Normalise(norm.NFC.String(a)) {
			t.Fatalf("the two forms of %q differ", a)
		}
		n := limit & 0xff
		if c := Clip(a, n); len(c) > n || len(a) <= n && c != a || utf8.ValidString(a) && !utf8.ValidString(c) {
			t.Fatalf("Clip(%q, %d) = %q", a, n, c)
		}
	})
}

func TestQuote(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", `""`},
		{"Vi phạm", `"Vi phạm"`},
		{" two\n lines ", `"two lines"`},
		{`x" by "director`, `"x\" by \"director"`},
		{"x\u201d. Approved", "\"x\\\u201d. Approved\""},
		{`x\`, `"x\\"`},
		{"a\u200bb", `"a\\u{200B}b"`},
		{strings.Repeat("ế", maxQuote), `"` + strings.Repeat("ế", (maxQuote-len(ellipsis))/3) + `..."`},
		{strings.Repeat("a", maxQuote-4) + `""""`, `"` + strings.Repeat("a", maxQuote-4) + `\..."`},
	} {
		if got := Quote(tt.in); got != tt.want {
			t.Errorf("Quote(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
	for _, r := range quotes {
		if got := Quote("a" + string(r)); got != `"a\`+string(r)+`"` {
			t.Errorf("%U ends the quotation: %s", r, got)
		}
	}
}

func TestFew(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"a"}, "a"},
		{[]string{"a", "b"}, "a, b"},
		{[]string{"a", "b", "c", "d"}, "a, b and 2 more"},
	} {
		if got := Few(tt.names, 2); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.names, got, tt.want)
		}
	}
}
