package conditions

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

const generation = 7

var earlier = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

func TestSummarise(t *testing.T) {
	yes := func(s *Set) { s.True("A", "Fine", "A holds.") }
	tests := []struct {
		name  string
		build func(*Set)
		want  metav1.Condition
	}{
		{"all true", func(s *Set) { yes(s); s.True("B", "Fine", "B holds.") },
			metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady, Message: "Everything that the spec asks for is observed."}},
		{"missing is unknown, never ready", yes,
			metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending, Message: "B is not known yet."}},
		{"first false of two", func(s *Set) { s.False("A", "Broken", "A is broken."); s.False("B", "Late", "B is late.") },
			metav1.Condition{Status: metav1.ConditionFalse, Reason: "Broken", Message: "A is broken."}},
		{"false before an earlier unknown", func(s *Set) { s.Unknown("A", "Waiting", "A waits."); s.False("B", "Late", "B is late.") },
			metav1.Condition{Status: metav1.ConditionFalse, Reason: "Late", Message: "B is late."}},
		{"false before an earlier missing", func(s *Set) { s.False("B", "Late", "B is late.") },
			metav1.Condition{Status: metav1.ConditionFalse, Reason: "Late", Message: "B is late."}},
		{"first unknown of two", func(s *Set) { s.Unknown("A", "Waiting", "A waits."); s.Unknown("B", "Slow", "B is slow.") },
			metav1.Condition{Status: metav1.ConditionUnknown, Reason: "Waiting", Message: "A waits."}},
		{"nothing known", func(*Set) {},
			metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending, Message: "A is not known yet."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(nil, generation)
			tt.build(s)
			s.Summarise("A", "B")
			tt.want.Type, tt.want.ObservedGeneration = v1alpha1.ConditionReady, generation
			if diff := cmp.Diff(&tt.want, s.Get(v1alpha1.ConditionReady), cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime")); diff != "" {
				t.Errorf("Ready differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListKeepsTransitionTime(t *testing.T) {
	tests := []struct {
		name string
		set  func(*Set)
		kept bool
	}{
		{"equal", func(s *Set) { s.True("A", "Fine", "A holds.") }, true},
		{"other reason and message", func(s *Set) { s.True("A", "Better", "A holds well.") }, true},
		{"other status", func(s *Set) { s.False("A", "Fine", "A holds.") }, false},
		{"there and back within a round", func(s *Set) { s.False("A", "Broken", "A is broken."); s.True("A", "Fine", "A holds.") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New([]metav1.Condition{{Type: "A", Status: metav1.ConditionTrue, Reason: "Fine", Message: "A holds.", LastTransitionTime: earlier}}, generation)
			tt.set(s)
			got := s.List()[0].LastTransitionTime
			if kept := got.Equal(&earlier); kept != tt.kept {
				t.Errorf("transition time %v, kept = %v, want %v", got, kept, tt.kept)
			}
			if got.IsZero() {
				t.Error("transition time is missing")
			}
		})
	}
}

func TestListIsSortedAndCarriesTheGeneration(t *testing.T) {
	s := New(nil, generation)
	s.True("B", "Fine", "")
	s.True("C", "Fine", "")
	s.True("A", "Fine", "")
	var types []string
	for _, c := range s.List() {
		types = append(types, c.Type)
		if c.ObservedGeneration != generation {
			t.Errorf("%s has generation %d", c.Type, c.ObservedGeneration)
		}
	}
	if diff := cmp.Diff([]string{"A", "B", "C"}, types); diff != "" {
		t.Errorf("order differs (-want +got):\n%s", diff)
	}
}

func TestKeep(t *testing.T) {
	previous := []metav1.Condition{
		{Type: "A", Status: metav1.ConditionTrue, Reason: "Fine", ObservedGeneration: 3, LastTransitionTime: earlier},
		{Type: "B", Status: metav1.ConditionTrue, Reason: "Fine", ObservedGeneration: 3, LastTransitionTime: earlier},
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Fine"},
		{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: "Fine"},
		{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: "Fine"},
	}
	s := New(previous, generation)
	s.False("B", "Broken", "B is broken.")
	s.Keep()
	want := []metav1.Condition{previous[0], {Type: "B", Status: metav1.ConditionFalse, Reason: "Broken", Message: "B is broken.", ObservedGeneration: generation}}
	ignoreNow := cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime")
	if diff := cmp.Diff(want, s.List(), ignoreNow); diff != "" {
		t.Errorf("conditions differ (-want +got):\n%s", diff)
	}
}

func TestLongMessageIsCut(t *testing.T) {
	s := New(nil, generation)
	s.False("A", "Broken", strings.Repeat("ế", maxMessage))
	got := s.Get("A").Message
	if len(got) > maxMessage || !strings.HasSuffix(got, "ế...") {
		t.Errorf("message has %d bytes and ends in %q", len(got), got[len(got)-8:])
	}
}
