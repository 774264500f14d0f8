package kinds

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/govplatform/govplatform/internal/settings"
)

// eventRow is a line of the table of Events: its reasons, and on what they stand.
var eventRow = regexp.MustCompile("(?m)^\\| ((?:`\\w+`(?:, )?)+) \\| [^|]+ \\| ([^|]+) \\|")

// TestEventsAreListed: what a controller tells besides what every kind does stands in the
// row of the kind, and docs/observability.md has each reason with its kind, and none that
// nobody tells. What the operator itself tells, of no kind of ours, stands on its own
// ConfigMap.
// Fails with Opened taken out of the row of links, out of the page, for a new Event in any
// controller, with SettingsHeld out of the page, as it was, or said there of a kind, and
// with one more line of the ConfigMap.
func TestEventsAreListed(t *testing.T) {
	page, err := fs.ReadFile(repo, "docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	chapter, _, _ := strings.Cut(string(page), "## Metrics")
	for _, line := range eventRow.FindAllStringSubmatch(chapter, -1) {
		for _, reason := range strings.Split(line[1], ", ") {
			listed[strings.Trim(reason, "`")] += line[2]
		}
	}
	said, told := reasonsOf(t), map[string]bool{}
	for _, d := range All() {
		for _, reason := range d.Tells {
			told[reason] = true
			if !regexp.MustCompile(`\b` + d.Kind + `\b`).MatchString(listed[reason]) {
				t.Errorf("docs/observability.md: the table of Events has no line with `%s` on a %s: add one that says when it is told", reason, d.Kind)
			}
			if !slices.Contains(said[anywhere], reason) {
				t.Errorf("internal/kinds/rows.go: %s tells %s, and no controller does: take it out of Tells", d.Kind, reason)
			}
		}
		for _, reason := range said[d.File()] {
			if !slices.Contains(d.Tells, reason) {
				t.Errorf("internal/kinds/rows.go: controllers/%s tells %s: add it to Tells in the row of %s", d.File(), reason, d.Kind)
			}
		}
	}
	for _, reason := range said[operator] {
		told[reason] = true
		if !strings.Contains(listed[reason], settings.RecordName) {
			t.Errorf("docs/observability.md: the table of Events has no line with `%s` on the ConfigMap `%s`: add one that says when it is told", reason, settings.RecordName)
		}
	}
	for reason, on := range listed {
		if !told[reason] && !strings.HasPrefix(on, "every kind") {
			t.Errorf("docs/observability.md: `%s` is told of %s by no row of internal/kinds/rows.go and by no file of controllers/: add it to Tells, or take the line out", reason, on)
		}
	}
	if len(listed) < 10 {
		t.Errorf("only %d reasons are found in docs/observability.md", len(listed))
	}
}

// anywhere is the key of all texts of controllers, some of which are reasons by a detour.
const anywhere = ""

// operator is the key of what no kind's controller tells.
const operator = "controllers"

// reasonsOf returns the reasons of Events that each controller writes down, by its folder.
func reasonsOf(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string]string{}
	files, err := fs.Glob(repo, "api/v1alpha1/*_types.go")
	if err != nil {
		t.Fatal(err)
	}
	each := func(name string, f func(ast.Node)) {
		data, err := fs.ReadFile(repo, name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool { f(n); return true })
	}
	for _, name := range files {
		each(name, func(n ast.Node) {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				known[v.Names[0].Name] = textOf(v.Values[0], nil)
			}
		})
	}
	out := map[string][]string{}
	for _, pattern := range []string{"controllers/*.go", "controllers/*/*.go"} {
		found, err := fs.Glob(repo, pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		if strings.HasPrefix(name, "api/") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		folder := path.Base(path.Dir(name))
		each(name, func(n ast.Node) {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if of, ok := n.Type.(*ast.SelectorExpr); !ok || of.Sel.Name != "Event" {
					return
				}
				for _, field := range n.Elts {
					if kv, ok := field.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Reason" && textOf(kv.Value, known) != "" {
						out[folder] = append(out[folder], textOf(kv.Value, known))
					}
				}
			case *ast.BasicLit, *ast.SelectorExpr:
				if folder == operator {
					return
				}
				out[anywhere] = append(out[anywhere], textOf(n.(ast.Expr), known))
			}
		})
	}
	return out
}

// textOf returns the text of a literal, or of a constant that is known; empty for anything else.
func textOf(e ast.Expr, known map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.SelectorExpr:
		return known[e.Sel.Name]
	}
	return ""
}
