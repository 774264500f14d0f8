package agency

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestAnnounce(t *testing.T) {
	told := func(reason, message string, minute int) *v1alpha1.Agency {
		a := &v1alpha1.Agency{}
		a.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionRightsChanged, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)),
		}}
		return a
	}
	changed, unchanged := v1alpha1.ReasonRightsChanged, v1alpha1.ReasonRightsUnchanged
	for name, tt := range map[string]struct {
		before, after *v1alpha1.Agency
		want          int
	}{
		"new":           {&v1alpha1.Agency{}, told(changed, "a", 1), 1},
		"only recorded": {&v1alpha1.Agency{}, told(unchanged, "a", 1), 0},
		"changed":       {told(unchanged, "a", 1), told(changed, "b", 2), 1},
		"again":         {told(changed, "a", 1), told(changed, "b", 1), 1},
		"to and fro":    {told(changed, "a", 1), told(changed, "a", 2), 1},
		"the same":      {told(changed, "a", 1), told(changed, "a", 1), 0},
	} {
		got := announce(tt.before, tt.after)
		if len(got) != tt.want || tt.want > 0 && (!got[0].Warning || got[0].Note != tt.after.Status.Conditions[0].Message) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAnnounceWhatWaits: rights that wait are told once for each change that is
// asked for, and not again while it waits for another reason.
func TestAnnounceWhatWaits(t *testing.T) {
	waits := func(hash, message string) *v1alpha1.Agency {
		a := &v1alpha1.Agency{}
		a.Status.PendingRights = &v1alpha1.PendingRights{Hash: hash}
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRightsConfirmed, Reason: v1alpha1.ReasonConfirmationMissing, Message: message}}
		return a
	}
	for name, tt := range map[string]struct {
		before, after *v1alpha1.Agency
		want          int
	}{
		"asked for":      {&v1alpha1.Agency{}, waits("1", "a"), 1},
		"another change": {waits("1", "a"), waits("2", "b"), 1},
		"another reason": {waits("1", "a"), waits("1", "b"), 0},
		"given":          {waits("1", "a"), &v1alpha1.Agency{}, 0},
	} {
		got := announce(tt.before, tt.after)
		if len(got) != tt.want || tt.want > 0 && (!got[0].Warning || got[0].Reason != "RightsAskedFor" || got[0].Note != tt.after.Status.Conditions[0].Message) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNoNameIsCutOff: what does not fit one Event is told in several, whole.
func TestNoNameIsCutOff(t *testing.T) {
	for _, message := range []string{"", "short", strings.Repeat("x", noteSize), strings.Repeat("ầ", noteSize), strings.Repeat(`"a name", `, noteSize)} {
		var got strings.Builder
		events := told("R", "A", message)
		for i, e := range events {
			part := e.Note
			if len(events) > 1 {
				var ok bool
				if part, ok = strings.CutPrefix(part, fmt.Sprintf("(%d of %d) ", i+1, len(events))); !ok {
					t.Errorf("no number: %.30s", e.Note)
				}
			}
			if len(e.Note) > 1024 || !e.Warning {
				t.Errorf("%d bytes, warning %v", len(e.Note), e.Warning)
			}
			if strings.Contains(message, `", `) && i+1 < len(events) && !strings.HasSuffix(part, `", `) {
				t.Errorf("a name is cut: %q", part[len(part)-20:])
			}
			got.WriteString(part)
		}
		if got.String() != message {
			t.Errorf("%d bytes are told as %d", len(message), got.Len())
		}
	}
}
