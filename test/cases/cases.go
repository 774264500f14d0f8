// Package cases is the table of the attacks, inputs and faults that broke the platform, or
// that are known to break its like, each with the test that shows that it holds now. One
// YAML file an area; "make threats" and "make fault" run the tests and print the table.
//
// A row of a file:
//
//   - id: A01                       # of the case, or of the threat (T33)
//     who: agency administrator     # agency administrator, careless owner, node, platform team,
//     #                               authority, system:masters, operator, new user, fault
//     does: a link with validUntil "2099-01-01t00:00:00z"
//     holds: refused; what is stored can be read
//     suite: test/threats           # folder of the package
//     test: TestThreat33_ParsedFields   # or Test/subtest, or a Fuzz function, which runs on its seeds
package cases

import (
	"cmp"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed *.yaml
var files embed.FS

// Case is one row.
type Case struct {
	// ID of the case or threat: a letter and a number.
	ID string `json:"id"`
	// Who does it.
	Who string `json:"who"`
	// Does is the attack, the input or the fault.
	Does string `json:"does"`
	// Holds is what must hold.
	Holds string `json:"holds"`
	// Suite is the folder of the test's package, from the root of the repository.
	Suite string `json:"suite"`
	// Test is the name of the test, with its subtest where only that one shows it. A Fuzz function runs on its seeds, as in
	// every "go test"; "make fuzz" goes on from them.
	Test string `json:"test"`
}

// Table is which cases belong together.
type Table string

const (
	// Threats are what people and nodes do.
	Threats Table = "threats"
	// Faults are what breaks by itself.
	Faults Table = "fault"
)

// Table returns where the case belongs: ids that begin with F are faults.
func (c Case) Table() Table {
	if strings.HasPrefix(c.ID, "F") {
		return Faults
	}
	return Threats
}

// people are those who can stand in the column who.
var people = []string{
	"agency administrator", "careless owner", "node", "platform team", "authority", "system:masters", "operator", "new user", "fault",
}

var idForm = regexp.MustCompile(`^[ABCFT][0-9]{2}$`)

// Load returns all cases, sorted by id, suite and test. It fails on a row that is not
// complete and on one that stands twice.
func Load() ([]Case, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	var out []Case
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Name(), err)
		}
		var rows []Case
		if err := yaml.UnmarshalStrict(data, &rows); err != nil {
			return nil, fmt.Errorf("parse %s: %w", e.Name(), err)
		}
		for _, c := range rows {
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("%s: case %q: %w", e.Name(), c.ID, err)
			}
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, func(a, b Case) int {
		return cmp.Or(cmp.Compare(a.ID[:1], b.ID[:1]), cmp.Compare(number(a.ID), number(b.ID)), cmp.Compare(a.Suite, b.Suite), cmp.Compare(a.Test, b.Test))
	})
	for i := range out[1:] {
		if a, b := out[i], out[i+1]; a.ID == b.ID && a.Suite == b.Suite && a.Test == b.Test {
			return nil, fmt.Errorf("case %s with %s in %s stands twice", a.ID, a.Test, a.Suite)
		}
	}
	return out, nil
}

func number(id string) int {
	n, err := strconv.Atoi(id[1:])
	if err != nil {
		return 0
	}
	return n
}

func (c Case) check() error {
	switch {
	case !idForm.MatchString(c.ID):
		return fmt.Errorf("id must be a letter of A, B, C, F, T and two digits")
	case !slices.Contains(people, c.Who):
		return fmt.Errorf("who is %q; it must be one of %s", c.Who, strings.Join(people, ", "))
	case c.Does == "" || c.Holds == "":
		return fmt.Errorf("does and holds must be stated")
	case c.Suite == "" || !Runs(c.Test):
		return fmt.Errorf("suite and test must be stated; a test begins with Test or Fuzz")
	}
	return nil
}

// Runs reports whether "go test" runs functions of this name.
func Runs(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
}
