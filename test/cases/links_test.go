package cases

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	linkOf    = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	headingOf = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeOf    = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	// noAnchor are the characters that a heading's anchor leaves out.
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestLinksLead: each link of a page leads to a file of the repository, and to a
// heading in it. Fails with a heading that was renamed, and with a page that was moved.
func TestLinksLead(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			linksOf(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func linksOf(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range linkOf.FindAllStringSubmatch(codeOf.ReplaceAllString(string(text), ""), -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		target := path
		if m[1] != "" {
			target = filepath.Join(filepath.Dir(path), m[1])
		}
		if _, err := os.Stat(target); err != nil {
			t.Errorf("%s: %s leads to no file", path, m[1])
			continue
		}
		if m[2] != "" && filepath.Ext(target) == ".md" && !slices.Contains(anchors(t, target), strings.TrimPrefix(m[2], "#")) {
			t.Errorf("%s: %s%s leads to no heading", path, m[1], m[2])
		}
	}
}

// anchors are those of a page's headings, as they are made where Markdown is shown.
func anchors(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range headingOf.FindAllStringSubmatch(string(text), -1) {
		title := linkText.ReplaceAllString(h[1], "$1")
		out = append(out, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
	}
	return out
}
