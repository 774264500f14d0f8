package kinds

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestKindsAreNamedByConstants: a kind that is named in quotes is found neither by
// the compiler nor by who looks for its uses. Tests may, and so may the API, which
// has the constants.
// Fails with "AgencyPortal" in place of v1alpha1.KindAgencyPortal anywhere.
func TestKindsAreNamedByConstants(t *testing.T) {
	var named []string
	for _, d := range descriptors {
		named = append(named, d.Kind, d.ListGVK().Kind)
	}
	files := 0
	for _, folder := range []string{"cmd", "controllers", "hack", "internal", "test"} {
		err := fs.WalkDir(repo, folder, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			data, err := fs.ReadFile(repo, name)
			if err != nil {
				return err
			}
			positions := token.NewFileSet()
			f, err := parser.ParseFile(positions, name, data, 0)
			if err != nil {
				return err
			}
			files++
			ast.Inspect(f, func(n ast.Node) bool {
				text, ok := n.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					return true
				}
				if s, err := strconv.Unquote(text.Value); err == nil && slices.Contains(named, s) {
					t.Errorf("%s: write %s as the constant of api/v1alpha1, or take the row of internal/kinds", positions.Position(text.Pos()), text.Value)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Errorf("only %d files were read", files)
	}
}
