package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/govplatform/govplatform/internal/view"
)

// TestTimesHaveTheirZone fails where times are shown in UTC: the term of a link
// that ends at the beginning of a day in Viet Nam is then shown a day early.
func TestTimesHaveTheirZone(t *testing.T) {
	until, err := time.Parse(time.RFC3339, "2027-01-01T00:00:00+07:00")
	if err != nil {
		t.Fatal(err)
	}
	if got := view.Clock(until); got != "2027-01-01 00:00:00 +07:00" {
		t.Errorf("clock = %q", got)
	}
	s := view.Summary{Links: []view.LinkStatus{{Consumer: "a", Name: "l", ValidUntil: until.UTC()}}}
	var out bytes.Buffer
	if err := PrintSummary(&out, s, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "VALID UNTIL (+07:00)") || !strings.Contains(out.String(), "2027-01-01 00:00") {
		t.Errorf("the table says %s", out.String())
	}
}
