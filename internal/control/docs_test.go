package control

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of the documentation anew")

const (
	page   = "../../docs/spec/v1alpha1/securitypolicy.md"
	header = "| Control | Demands | Of several policies | Held by |\n|---|---|---|---|\n"
)

// TestDocumentation: the page of SecurityPolicy has the table, and so says where each
// control is held and which have no effect yet.
//
// Fails for a row whose words, or whose places, change without the page.
func TestDocumentation(t *testing.T) {
	var want strings.Builder
	for _, c := range All() {
		held := "**nothing yet**"
		if places := c.Held(); len(places) > 0 {
			held = strings.Trim(fmt.Sprint(places), "[]")
			held = strings.ReplaceAll(held, " ", ", ")
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", c.Name, c.What, c.Of, held)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), header)
	if !ok {
		t.Fatalf("%s has no table that begins with\n%s", page, header)
	}
	got, after, _ := strings.Cut(rest, "\n\n")
	if *update {
		if err := os.WriteFile(page, []byte(before+header+want.String()+"\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got+"\n"); diff != "" {
		t.Errorf("%s differs from the table (-want +got); go test ./internal/control -run TestDocumentation -update writes it anew:\n%s", page, diff)
	}
}
