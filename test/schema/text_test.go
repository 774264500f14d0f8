package schema

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/govplatform/govplatform/internal/text"
)

// unseen are characters that nobody sees or that move the text around them, at
// least one of each class.
var unseen = map[string]string{
	"null": "\x00", "escape": "\x1b", "backspace": "\b", "delete": "\x7f", "newline": "\n", "carriage return": "\r", "tab": "\t", "vertical tab": "\v", "C1 control": "\u009b", "next line": "\u0085",
	"soft hyphen": "\u00ad", "Arabic letter mark": "\u061c", "left-to-right mark": "\u200e", "right-to-left mark": "\u200f", "right-to-left override": "\u202e", "left-to-right embedding": "\u202a",
	"pop": "\u202c", "isolate": "\u2066", "pop isolate": "\u2069", "zero-width space": "\u200b", "zero-width joiner": "\u200d", "zero-width non-joiner": "\u200c", "word joiner": "\u2060",
	"invisible times": "\u2062", "byte order mark": "\ufeff", "annotation": "\ufff9", "line separator": "\u2028", "paragraph separator": "\u2029",
	"grapheme joiner": "\u034f", "Hangul choseong filler": "\u115f", "Hangul jungseong filler": "\u1160", "Khmer vowel": "\u17b4", "Khmer vowel aa": "\u17b5",
	"Mongolian selector": "\u180b", "Mongolian vowel separator": "\u180e", "Mongolian selector four": "\u180f", "Braille blank": "\u2800", "Hangul filler": "\u3164", "half-width filler": "\uffa0",
	"variation selector": "\ufe00", "emoji selector": "\ufe0f", "object replacement": "\ufffc", "tag": "\U000e0041", "variation selector 17": "\U000e0100", "musical null": "\U0001d159",
	"shorthand control": "\U0001bca0", "private use": "\ue000", "private plane": "\U000f0000", "last private plane": "\U0010fffd", "noncharacter": "\ufdd0", "last character": "\uffff",
	"no-break space": "\u00a0", "ideographic space": "\u3000", "em space": "\u2003", "pile of marks": "\u0301\u0301\u0301\u0301\u0301\u0301",
}

// inPrograms are fields whose value goes to a program and not to people; they may
// have lines and any printable character, and the printer escapes them.
var inPrograms = map[string]bool{"spec.env[].value": true}

// TestThreat35_FreeText puts each of them into every text field of every kind's
// spec, in the middle and at both ends. The API server refuses each and names the
// field. Without the rule of the type Text, displayName, title, purpose and others
// take all of them.
func TestThreat35_FreeText(t *testing.T) {
	makeNamespace(t)
	for _, sample := range readSamples(t) {
		for _, f := range fieldsOf(t, emptyObjects()[sample.GetKind()]) {
			if f.class != classText || !strings.HasPrefix(f.path, "spec.") || inPrograms[f.path] || !lookup(sample.Object, f.path) {
				continue
			}
			t.Run(sample.GetKind()+"/"+sample.GetName()+"/"+f.path, func(t *testing.T) {
				var taken []string
				try := func(what string, put func([]rune) string) {
					o := sample.DeepCopy()
					o.SetName("text")
					replaceFirst(o.Object, f.path, func(v any) any { return put([]rune(fmt.Sprint(v))) })
					status, body := request(t, http.MethodPost, urlOf(t, o.GetKind(), "")+"?dryRun=All", mustJSON(t, o.Object))
					last := strings.TrimSuffix(f.path[strings.LastIndex(f.path, ".")+1:], "[]")
					if status != http.StatusUnprocessableEntity || !strings.Contains(body, last) {
						taken = append(taken, fmt.Sprintf("%s (%d %.300s)", what, status, body))
					}
				}
				for name, c := range unseen {
					try("a "+name+" inside", func(s []rune) string { return string(s[:1]) + c + string(s[1:]) })
				}
				for _, c := range []string{" ", "\n", "\u200b", "\u0301", "\u00a0"} {
					try(fmt.Sprintf("%q before", c), func(s []rune) string { return c + string(s) })
					if c != "\u0301" {
						try(fmt.Sprintf("%q after", c), func(s []rune) string { return string(s) + c })
					}
				}
				if len(taken) > 0 {
					t.Errorf("api/v1alpha1: %s of %s takes what nobody sees, or its refusal does not name it, %d times: use the type Text, or a pattern; "+
						"what goes to a program and not to people belongs to inPrograms in test/schema/text_test.go. One of them: %s", f.path, sample.GetKind(), len(taken), taken[0])
				}
			})
		}
	}
}

// TestFreeTextIsBounded: every text field of every spec says which characters it
// takes, by a list of values, a pattern or a rule.
func TestFreeTextIsBounded(t *testing.T) {
	n := 0
	for kind, object := range emptyObjects() {
		for _, f := range fieldsOf(t, object) {
			if f.class != classText || !strings.HasPrefix(f.path, "spec.") {
				continue
			}
			n++
			s := schemaAt(t, kind, f.path)
			if len(s.Enum) == 0 && (s.MaxLength == nil || s.Pattern == "" && !boundedByRule(s)) {
				t.Errorf("api/v1alpha1: %s %s takes any character or any length: use the type Text, a pattern or a rule, and MaxLength", kind, f.path)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d fields were looked at", n)
	}
}

func boundedByRule(s *apiextensionsv1.JSONSchemaProps) bool {
	for _, v := range s.XValidations {
		if strings.HasPrefix(v.Rule, "self.matches('^") || strings.HasPrefix(v.Rule, "!self.matches(r'[") || strings.HasPrefix(v.Rule, "isCIDR(self)") {
			return true
		}
	}
	return false
}

// TestOneRuleForText: the rule of free text stands in the schema in one spelling,
// and it takes exactly the characters that internal/text calls visible, but for
// those that are newer than the API server.
func TestOneRuleForText(t *testing.T) {
	rule := schemaAt(t, "DataSharingLink", "spec.purpose").XValidations[0].Rule
	for kind, paths := range map[string][]string{"Agency": {"spec.displayName", "spec.adminGroups[]"}, "DataSharingApproval": {"spec.reason", "spec.approver"}} {
		for _, path := range paths {
			found := false
			for _, v := range schemaAt(t, kind, path).XValidations {
				found = found || v.Rule == rule
			}
			if !found {
				t.Errorf("%s %s has another rule than DataSharingLink spec.purpose", kind, path)
			}
		}
	}
	pattern, ok := strings.CutPrefix(rule, "!self.matches(r'")
	pattern, end := strings.CutSuffix(pattern, "')")
	if !ok || !end {
		t.Fatalf("the rule %s is not understood", rule)
	}
	refused := regexp.MustCompile(pattern)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if 0xd800 <= r && r < 0xe000 {
			continue
		}
		if s := "a" + string(r) + "b"; refused.MatchString(s) == text.Visible(r) {
			t.Errorf("%U: the schema refuses it: %v, internal/text sees it: %v", r, refused.MatchString(s), text.Visible(r))
		}
	}
}

// TestTextOfPeopleIsAdmitted: what people write is admitted as they write it.
func TestTextOfPeopleIsAdmitted(t *testing.T) {
	makeNamespace(t)
	for _, s := range []string{
		"Sở TT&TT tỉnh Đắk Lắk", norm.NFD.String("Ủy ban nhân dân thành phố Huế"), `Cổng "Một cửa" <mới> – 100% (½), №1; ‘thử’ … €₫`, "ກະຊວງ", "ក្រសួង", "行政服务 🏛", `a\b`,
	} {
		o := sampleOf(t, "DataSharingLink", "full")
		o.SetName("people")
		replaceFirst(o.Object, "spec.purpose", func(any) any { return s })
		if status, body := request(t, http.MethodPost, urlOf(t, o.GetKind(), "")+"?dryRun=All", mustJSON(t, o.Object)); status != http.StatusCreated {
			t.Errorf("%q: %d %s", s, status, body)
		}
	}
	o := sampleOf(t, "AgencyPortal", "full")
	o.SetName("people")
	replaceFirst(o.Object, "spec.env[].value", func(any) any { return "-----BEGIN-----\nabc\r\n\tdef\n" })
	if status, body := request(t, http.MethodPost, urlOf(t, o.GetKind(), "")+"?dryRun=All", mustJSON(t, o.Object)); status != http.StatusCreated {
		t.Errorf("a value of several lines: %d %s", status, body)
	}
}
