package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/view"
)

// TestScopeCannotBeImitated: whatever stands in a scope, every line is a label of
// the command's own with a quoted value, or goes on with one. It fails where a
// value is written without quotes or is not wrapped.
func TestScopeCannotBeImitated(t *testing.T) {
	until := metav1.NewTime(time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC))
	long := strings.Repeat("Đối chiếu thông tin người nộp thuế ", 12)
	row := "  classification  | \"Public\""
	s := view.ScopeShown{Link: client.ObjectKey{Namespace: "agency-a", Name: "l"}, Hash: "sha256:1", Checked: true,
		Agencies: map[string]view.AgencyShown{"a": {Code: "G05", DisplayName: "Bộ Tài chính\" | \"x"}},
		Decisions: []v1alpha1.LinkDecision{
			{Side: v1alpha1.SideProvider, Decision: "Approve", Approver: "x\n" + row, SpecHash: "sha256:0", Time: until},
			{Side: v1alpha1.SideAuthority, Decision: "Suspend", Approver: "y", Time: until},
		},
		Scope: &v1alpha1.LinkScope{
			Consumer:   v1alpha1.LinkScopeEnd{Agency: "a", Name: "p", SecurityLevel: 3, Exposure: v1alpha1.ExposureInternal, DataClassification: v1alpha1.ClassificationPersonal},
			Operations: []v1alpha1.Operation{{Name: "one", Method: "GET", Path: "/1"}, {Name: "two" + strings.Repeat(" ", 200) + row, Method: "GET", Path: "/2"}, {Name: "three", Method: "POST", Path: "/3"}},
			Purpose:    long + "\n" + row, LegalBasis: "none", ValidUntil: until, Route: v1alpha1.RoutePlatform, Classification: v1alpha1.ClassificationPersonal,
		}}
	var out bytes.Buffer
	printScope(&out, s)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	shape := regexp.MustCompile(`^  ([a-z0-9 ]{16}\| |                \+ )`)
	classifications := 0
	for _, l := range lines[1:] {
		if !shape.MatchString(l) {
			t.Errorf("a line without the table's columns: %q", l)
		}
		if columns(l) > 80 {
			t.Errorf("%d columns: %s", columns(l), l)
		}
		if strings.HasPrefix(l, "  classification") {
			classifications++
		}
	}
	if classifications != 1 {
		t.Errorf("%d rows say classification", classifications)
	}
	for _, want := range []string{
		"operations      | 3 operations:", `  2 of 3 name   | "two `, `classification  | "Personal"`, `legal basis     | "none"`,
		"valid until     | 2027-01-01 00:00:00 +07:00", `  code          | "G05"`, `"Bộ Tài chính\" | \"x"`, "  level         | 3 of 5",
		"2 decisions:", "another scope", "whatever scope",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
