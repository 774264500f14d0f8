// Command cases runs the tests of a table of test/cases and prints it: each case, who does
// it, whether it holds, and the test that shows it.
//
//	cases threats|fault [-run ID[,ID…]] [-list]
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govplatform/govplatform/test/cases"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cases:", err)
		os.Exit(1)
	}
}

func run(args []string, out, progress io.Writer) error {
	if len(args) == 0 {
		return errors.New("name a table: threats or fault")
	}
	flags := flag.NewFlagSet("cases", flag.ContinueOnError)
	ids := flags.String("run", "", "only these cases, e.g. A01,F03")
	list := flags.Bool("list", false, "print the table without running anything")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	rows, err := selected(cases.Table(args[0]), *ids)
	if err != nil {
		return err
	}
	results := map[key]result{}
	if !*list {
		if results, err = runSuites(rows, progress); err != nil {
			return err
		}
	}
	return write(rows, results, *list, out)
}

func selected(table cases.Table, ids string) ([]cases.Case, error) {
	if table != cases.Threats && table != cases.Faults {
		return nil, fmt.Errorf("there is no table %q: name threats or fault", table)
	}
	all, err := cases.Load()
	if err != nil {
		return nil, err
	}
	var wanted []string
	if ids != "" {
		wanted = strings.Split(ids, ",")
	}
	rows := slices.DeleteFunc(all, func(c cases.Case) bool {
		return c.Table() != table || wanted != nil && !slices.Contains(wanted, c.ID)
	})
	if len(rows) == 0 {
		return nil, fmt.Errorf("no case of %s is named %q", table, ids)
	}
	return rows, nil
}

// key names one test.
type key struct{ suite, test string }

// result of one test.
type result struct {
	action  string
	elapsed time.Duration
	output  []string
}

// event is a line of go test -json.
type event struct {
	Action  string
	Test    string
	Elapsed float64
	Output  string
}

// runSuites runs the tests that the rows name, suite by suite.
func runSuites(rows []cases.Case, progress io.Writer) (map[key]result, error) {
	bySuite := map[string][]string{}
	for _, c := range rows {
		name, _, _ := strings.Cut(c.Test, "/")
		if !slices.Contains(bySuite[c.Suite], name) {
			bySuite[c.Suite] = append(bySuite[c.Suite], name)
		}
	}
	results := map[key]result{}
	for _, suite := range slices.Sorted(keysOf(bySuite)) {
		tests := bySuite[suite]
		fmt.Fprintf(progress, "==> %s: %d tests\n", suite, len(tests))
		if err := runSuite(suite, tests, results, progress); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func keysOf(m map[string][]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func runSuite(suite string, tests []string, results map[key]result, progress io.Writer) error {
	for i, t := range tests {
		tests[i] = regexp.QuoteMeta(t)
	}
	// The tests are named in a table of the repository.
	command := exec.Command("go", "test", "-json", "-count=1", "-timeout", "60m", "-run", "^("+strings.Join(tests, "|")+")$", "./"+suite) //nolint:gosec // see above
	command.Stderr = progress
	pipe, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", suite, err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("run %s: %w", suite, err)
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		note(suite, e, results, progress)
	}
	// A failed test is in the table; anything else leaves its tests without a result.
	if err := command.Wait(); err != nil {
		fmt.Fprintf(progress, "    %s: %v\n", suite, err)
	}
	return lines.Err()
}

func note(suite string, e event, results map[key]result, progress io.Writer) {
	k := key{suite, e.Test}
	r := results[k]
	switch e.Action {
	case "output":
		r.output = append(r.output, e.Output)
	case "pass", "fail", "skip":
		r.action, r.elapsed = e.Action, time.Duration(e.Elapsed*float64(time.Second))
		if e.Test != "" && !strings.Contains(e.Test, "/") {
			fmt.Fprintf(progress, "    %s %s (%.1f s)\n", e.Action, e.Test, e.Elapsed)
		}
	default:
		return
	}
	results[k] = r
}

// write prints the table, and after it what the failed tests said.
func write(rows []cases.Case, results map[key]result, list bool, out io.Writer) error {
	var failed []key
	fmt.Fprintf(out, "%-4s %-21s %-7s %s\n", "CASE", "WHO", "RESULT", "WHAT HOLDS, AND THE TEST")
	for _, c := range rows {
		k := key{c.Suite, c.Test}
		word := map[string]string{"pass": "holds", "fail": "BROKEN", "skip": "SKIPPED"}[results[k].action]
		switch {
		case list:
			word = "-"
		case word == "":
			word = "NOT RUN"
		}
		if word != "holds" && !list && !slices.Contains(failed, k) {
			failed = append(failed, k)
		}
		fmt.Fprintf(out, "%-4s %-21s %-7s %s\n", c.ID, c.Who, word, c.Does)
		fmt.Fprintf(out, "%34s %s\n%34s %s %s\n", "->", c.Holds, "", c.Suite, c.Test)
	}
	for _, k := range failed {
		fmt.Fprintf(out, "\n--- %s %s\n%s", k.suite, k.test, strings.Join(results[k].output, ""))
	}
	fmt.Fprintf(out, "\n%d cases\n", len(rows))
	if len(failed) > 0 {
		slices.SortFunc(failed, func(a, b key) int { return cmp.Or(cmp.Compare(a.suite, b.suite), cmp.Compare(a.test, b.test)) })
		return fmt.Errorf("%d tests do not show what their cases promise", len(failed))
	}
	return nil
}
