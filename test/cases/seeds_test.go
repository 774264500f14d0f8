package cases

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seedItems are what the founding documents ask for, in their order: docs/seeds.md
// has a row for each, whether it holds or not.
var seedItems = []string{
	"National document exchange axis",
	"National public service portal (NPSP)",
	"Ministry and province one-stop",
	"Borderless one-stop",
	"Government reporting system",
	"e-Cabinet",
	"Government command centre",
	"National e-identification",
	"Payment support",
	"National data portal",
	"National monitoring centre",
	"Central security operations",
	"Dedicated data network (TSLCD)",
	"NDXP (national) and LGSP (ministry or province) sharing platforms",
	"National databases",
	"Single mobile application",
	"Citizen data store",
	"Level-4 online service targets",
	"Monthly statistics by the authority",
	"Published is not real",
	"If it is not safe, do not do it",
	"Never two coordinators",
	"Cross-ministry platforms belong to the authority",
	"Heads are accountable",
	"No duplicated investment",
	"No data silos",
	"Four levels of government",
	"Signed electronic documents",
	"Architecture framework",
	"Periodic reports to the authority",
	"State secrets",
	"Own the technology",
	"Reuse what exists",
	"Cloud infrastructure",
}

var (
	seedRow   = regexp.MustCompile(`(?m)^\| (\d{2}) \| (.*) \|$`)
	seedProof = regexp.MustCompile("^`(TestSeed(\\d{2})_\\w+)`: ")
)

// TestSeedsPage holds docs/seeds.md against the items of the founding documents and
// against test/seeds, both ways, and counts what is open.
//
// Fails for a row that is missing or renamed, for one that neither names the test of
// its number nor says what is missing, and for a test without a row.
func TestSeedsPage(t *testing.T) {
	tests := functionsOf(t, filepath.Join("..", "seeds"), "TestSeed")
	var open []string
	found := seedRow.FindAllStringSubmatch(read(t, "docs/seeds.md"), -1)
	rows := map[string][]string{}
	for _, row := range found {
		rows[row[1]] = strings.Split(row[2], " | ")
	}
	if len(found) != len(seedItems) {
		t.Errorf("%d rows, want %d", len(found), len(seedItems))
	}
	for i, item := range seedItems {
		number := fmt.Sprintf("%02d", i+1)
		cells := rows[number]
		if len(cells) != 4 || cells[0] != item {
			t.Errorf("row %s is %q, want %q with quote, object and proof", number, cells, item)
			continue
		}
		if !strings.HasPrefix(cells[1], `"`) {
			t.Errorf("row %s quotes nothing: %s", number, cells[1])
		}
		if missing, ok := strings.CutPrefix(cells[3], "open: "); ok {
			open = append(open, fmt.Sprintf("%s %s: %s", number, item, missing))
			continue
		}
		proof := seedProof.FindStringSubmatch(cells[3])
		switch {
		case proof == nil || proof[2] != number:
			t.Errorf("row %s: the proof begins with `TestSeed%s_…`: or with open: and what is missing; it is %s", number, number, cells[3])
		case !tests[proof[1]]:
			t.Errorf("row %s: test/seeds has no test %s", number, proof[1])
		}
		if proof != nil {
			delete(tests, proof[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Errorf("%s has no row in docs/seeds.md", name)
	}
	t.Logf("%d of %d rows hold; open are\n%s", len(seedItems)-len(open), len(seedItems), strings.Join(open, "\n"))
}
