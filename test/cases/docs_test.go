package cases

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// quoted finds what a table's cell names: the folder of a package, or a test.
var quoted = regexp.MustCompile("`([^`]+)`")

// testName is a test, whole or (…_Rest) by what differs from the one before it.
var testName = regexp.MustCompile(`^((Test|Fuzz|Benchmark)[A-Z0-9]\w*|…_\w+)$`)

// TestThreatsPage holds docs/threats.md against the tests: what a row names is
// there, in the package that it names, and no two rows are one and the same: tests
// that are equal, with an equal title or an equal mutation.
//
// Fails for a row that keeps the name that a test had before it moved
// (TestWaitingInEveryOrder of test/gitops), and for one that stands twice, once
// with the old name of what it mutates.
func TestThreatsPage(t *testing.T) {
	known := map[string]map[string]bool{}
	type row struct{ tests, title, mutation string }
	var rows []row
	for _, line := range strings.Split(read(t, "docs/threats.md"), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 3 {
			continue
		}
		suite, before := "test/threats", ""
		var tests []string
		for _, found := range quoted.FindAllStringSubmatch(cells[1], -1) {
			name := found[1]
			switch {
			case strings.Contains(name, "/") && !strings.Contains(name, " "), name == "controllers":
				suite = name
				continue
			case !testName.MatchString(name):
				continue
			}
			if rest, ok := strings.CutPrefix(name, "…"); ok {
				prefix, _, _ := strings.Cut(before, "_")
				name = prefix + rest
			}
			before = name
			if known[suite] == nil {
				known[suite] = functionsOf(t, filepath.Join("..", "..", filepath.FromSlash(suite)), "Test", "Fuzz", "Benchmark")
			}
			if !known[suite][name] {
				t.Errorf("%s: %s has no test %s", cells[0], suite, name)
			}
			tests = append(tests, suite+" "+name)
		}
		if len(tests) == 0 {
			continue
		}
		slices.Sort(tests)
		r := row{strings.Join(tests, ", "), cells[0], cells[len(cells)-1]}
		for _, other := range rows {
			if r.tests == other.tests && (r.title == other.title || r.mutation == other.mutation) {
				t.Errorf("a row stands twice: %q and %q", other.title, r.title)
			}
		}
		rows = append(rows, r)
	}
	if len(rows) < 80 {
		t.Errorf("only %d rows were found", len(rows))
	}
}

// TestWhatRunsIsTold: README names every step of .ci/run, and says of no part of
// one that it is not run; the help of "make test" names every package that
// hack/scripts/test.sh leaves out.
//
// Fails for README as it was: without make fault-sample, and with test/fault as
// "not part of .ci/run".
func TestWhatRunsIsTold(t *testing.T) {
	readme := read(t, "README.md")
	i := strings.Index(readme, "`.ci/run` runs `make test`")
	if i < 0 {
		t.Fatal("README does not say what .ci/run runs")
	}
	told, _, _ := strings.Cut(readme[i:], "\n")
	steps := regexp.MustCompile(`(?m)^step (make [^\n]+)$`).FindAllStringSubmatch(read(t, ".ci/run"), -1)
	for _, step := range steps {
		if !strings.Contains(told, "`"+step[1]+"`") {
			t.Errorf(".ci/run runs %s, and README does not say so", step[1])
		}
	}
	if strings.Contains(readme, "not part of `.ci/run`") {
		t.Error("README says of something that it is not part of .ci/run: name the part that is")
	}
	help := regexp.MustCompile(`(?m)^test:.*## (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	left := regexp.MustCompile(`-e '/(test/[a-z]+)\$'`).FindAllStringSubmatch(read(t, "hack/scripts/test.sh"), -1)
	if len(steps) == 0 || help == nil || len(left) == 0 {
		t.Fatalf("found %d steps, %d packages that are left out, and of make test: %q", len(steps), len(left), help)
	}
	for _, l := range left {
		if !strings.Contains(help[1], l[1]) {
			t.Errorf("make test leaves out %s, and its help does not say so", l[1])
		}
	}
}
