package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func waiting(requestedBy string) *v1alpha1.Agency {
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "health"}}
	a.Spec.DisplayName = "Bộ Y tế"
	a.Status.Rights = &v1alpha1.GrantedRights{
		AgencyRights: v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"moh"}}, Since: metav1.NewTime(time.Date(2026, 3, 2, 2, 14, 0, 0, time.UTC)),
	}
	a.Status.PendingRights = &v1alpha1.PendingRights{RequestedBy: requestedBy, Hash: "sha256:1", Added: v1alpha1.AgencyRights{
		AdminGroups:          []v1alpha1.GroupName{"night\n  hash            | \"sha256:2\""},
		AdminServiceAccounts: []v1alpha1.ServiceAccountReference{{Namespace: "delivery", Name: "moh"}}, ViewerGroups: []v1alpha1.GroupName{"staff"},
	}}
	return a
}

// TestConfirmationShowsWhatWaits fails when something that a confirmation gives is
// not shown, or when a name makes a line of its own.
func TestConfirmationShowsWhatWaits(t *testing.T) {
	var out bytes.Buffer
	Confirmation{agency: waiting("mai"), user: "lan"}.Print(&out)
	want := `Agency health
  display name    | "Bộ Y tế"
  asked for by    | "mai"
  in force        | 1 since 2026-03-02 09:14:00 +07:00:
    1 of 1        | "adminGroups moh"
  is added        | 3 when confirmed:
    1 of 3        | "adminGroups night\u{000A}  hash            | \"sha256:2\""
    2 of 3        | "adminServiceAccounts delivery/moh"
    3 of 3        | "viewerGroups staff"
  is removed      | nothing: what the spec takes away is gone already
  hash            | "sha256:1"
`
	if got := out.String(); got != want {
		t.Errorf("shown:\n%s\nwant:\n%s", got, want)
	}
}

// TestWhoConfirms: whoever asks does not, in whatever letters, and nothing is
// confirmed that nobody asks for.
func TestWhoConfirms(t *testing.T) {
	for requestedBy, want := range map[string]string{"lan": "", "mai": "another person", "MAI": "another person", "": "nobody is named"} {
		err := Confirmation{agency: waiting(requestedBy), user: "mai"}.refuse()
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("asked for by %q: %v", requestedBy, err)
		}
	}
}
