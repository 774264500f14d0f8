package cases

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// vietnamese are the letters that English does not have.
	vietnamese = regexp.MustCompile(`[\x{C0}-\x{C3}\x{C8}-\x{CA}\x{CC}\x{CD}\x{D2}-\x{D5}\x{D9}\x{DA}\x{DD}\x{E0}-\x{E3}\x{E8}-\x{EA}\x{EC}\x{ED}\x{F2}-\x{F5}\x{F9}\x{FA}\x{FD}ĂăĐđĨĩŨũƠơƯư\x{1EA0}-\x{1EF9}]`)
	termRow    = regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| (\[[^|]+) \|$`)
)

// TestGlossary: what a page says in Vietnamese, its examples aside, is a term of
// docs/glossary.md; each term stands there once, and in every file that its row names.
// docs/seeds.md quotes whole sentences.
// Fails for a term of a page, or of a comment of the API, that has no row, and for a
// row whose term its file does not have any more.
func TestGlossary(t *testing.T) {
	var terms []string
	for _, row := range termRow.FindAllStringSubmatch(read(t, "docs/glossary.md"), -1) {
		term := strings.ToLower(row[1])
		if slices.Contains(terms, term) {
			t.Errorf("%s has two rows", row[1])
		}
		terms = append(terms, term)
		for _, link := range linkOf.FindAllStringSubmatch(row[2], -1) {
			if !strings.Contains(strings.ToLower(read(t, filepath.ToSlash(filepath.Join("docs", link[1])))), term) {
				t.Errorf("%s: %s does not have it", row[1], link[1])
			}
		}
	}
	if len(terms) < 30 {
		t.Fatalf("only %d terms were found", len(terms))
	}
	// The longest first: one term is often a part of another.
	slices.SortFunc(terms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "testdata"}, d.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md" || d.Name() == "seeds.md" || d.Name() == "glossary.md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, line := range strings.Split(codeOf.ReplaceAllString(string(text), ""), "\n") {
			rest := strings.ToLower(line)
			for _, term := range terms {
				rest = strings.ReplaceAll(rest, term, "")
			}
			if vietnamese.MatchString(rest) {
				t.Errorf("%s: Vietnamese that docs/glossary.md does not have: %s", path, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
