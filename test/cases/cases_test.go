package cases

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRowsNameTests fails for a row whose test does not exist.
func TestRowsNameTests(t *testing.T) {
	rows, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]map[string]bool{}
	for _, c := range rows {
		if declared[c.Suite] == nil {
			declared[c.Suite] = testsOf(t, filepath.Join("..", "..", filepath.FromSlash(c.Suite)))
		}
		name, _, _ := strings.Cut(c.Test, "/")
		if !declared[c.Suite][name] {
			t.Errorf("case %s: %s has no test %s", c.ID, c.Suite, name)
		}
	}
}

// TestEveryAttackHasARow fails for a test of an attack that the table does not show.
func TestEveryAttackHasARow(t *testing.T) {
	const suite = "test/threats"
	rows, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{"TestMain": true}
	for _, c := range rows {
		if c.Suite == suite {
			name, _, _ := strings.Cut(c.Test, "/")
			shown[name] = true
		}
	}
	for name := range testsOf(t, filepath.Join("..", "..", filepath.FromSlash(suite))) {
		if !shown[name] {
			t.Errorf("%s of %s has no row", name, suite)
		}
	}
}

// testsOf returns the names of the test and fuzz functions of a folder.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	return functionsOf(t, folder, "Test", "Fuzz")
}

// functionsOf returns the functions of the tests of a folder whose names begin so.
func functionsOf(t *testing.T, folder string, prefixes ...string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name.Name, p) }) {
				out[f.Name.Name] = true
			}
		}
	}
	return out
}

// TestEveryFuzzTargetHasARow fails for a fuzz function that the table of faults does not show.
func TestEveryFuzzTargetHasARow(t *testing.T) {
	rows, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, c := range rows {
		if c.Table() == Faults {
			shown[c.Suite+" "+c.Test] = true
		}
	}
	root := filepath.Join("..", "..")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if d.Name() == "bin" || path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		suite, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for name := range testsOf(t, path) {
			if strings.HasPrefix(name, "Fuzz") && !shown[filepath.ToSlash(suite)+" "+name] {
				t.Errorf("%s of %s has no row", name, suite)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryCaseHasARow fails for a case without a row: those that broke what was
// built are numbered from 1 in each series.
func TestEveryCaseHasARow(t *testing.T) {
	rows, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, c := range rows {
		have[c.ID] = true
	}
	for series, n := range map[string]int{"A": 24, "B": 15, "C": 7, "F": 11} {
		for i := 1; i <= n; i++ {
			if id := fmt.Sprintf("%s%02d", series, i); !have[id] {
				t.Errorf("case %s has no row", id)
			}
		}
	}
}
