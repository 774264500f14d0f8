// Package conditions sets and summarises conditions the way kstatus reads them.
package conditions

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/text"
)

// maxMessage bounds the bytes of a message below the API's limit of 32 KiB;
// longer ones are of no use to a reader.
const maxMessage = 4096

// Set builds the conditions of one status. The zero value is not usable; use New.
type Set struct {
	previous   []metav1.Condition
	generation int64
	next       []metav1.Condition
	since      map[string]metav1.Time
}

// New starts a set of conditions for an object of the given generation. The
// previous conditions keep their transition time where the status stays.
func New(previous []metav1.Condition, generation int64) *Set {
	return &Set{previous: previous, generation: generation}
}

// True sets a condition that holds.
func (s *Set) True(conditionType, reason, message string) {
	s.put(conditionType, metav1.ConditionTrue, reason, message)
}

// False sets a condition that does not hold.
func (s *Set) False(conditionType, reason, message string) {
	s.put(conditionType, metav1.ConditionFalse, reason, message)
}

// Unknown sets a condition that can't be told yet.
func (s *Set) Unknown(conditionType, reason, message string) {
	s.put(conditionType, metav1.ConditionUnknown, reason, message)
}

// Set carries over a condition of an earlier round that still holds.
func (s *Set) Set(c metav1.Condition) { s.put(c.Type, c.Status, c.Reason, c.Message) }

func (s *Set) put(conditionType string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&s.next, metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: text.Clip(text.Line(message), maxMessage), ObservedGeneration: s.generation,
	})
}

// Since sets the time of a condition that tells of a happening and not of a
// state: it is when that happened last.
func (s *Set) Since(conditionType string, at metav1.Time) {
	if s.since == nil {
		s.since = map[string]metav1.Time{}
	}
	s.since[conditionType] = at
}

// Keep carries over, as it stands, what an earlier round found and this one did
// not look at. The summary is not carried over.
func (s *Set) Keep() {
	for _, c := range s.previous {
		switch c.Type {
		case v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
			continue
		}
		if s.Get(c.Type) == nil {
			s.next = append(s.next, c)
		}
	}
}

// Get returns a condition of the set, nil when it isn't set.
func (s *Set) Get(conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(s.next, conditionType)
}

// Summarise sets Ready from the listed conditions: true when all are true,
// otherwise the first one that is false, else the first that is unknown. A
// condition that was never set counts as unknown, never as ready.
func (s *Set) Summarise(types ...string) {
	var unknown *metav1.Condition
	for _, t := range types {
		c := s.Get(t)
		if c == nil {
			c = &metav1.Condition{Type: t, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending, Message: t + " is not known yet."}
		}
		switch {
		case c.Status == metav1.ConditionFalse:
			s.False(v1alpha1.ConditionReady, c.Reason, c.Message)
			return
		case c.Status != metav1.ConditionTrue && unknown == nil:
			unknown = c
		}
	}
	if unknown != nil {
		s.Unknown(v1alpha1.ConditionReady, unknown.Reason, unknown.Message)
		return
	}
	s.True(v1alpha1.ConditionReady, v1alpha1.ReasonReady, "Everything that the spec asks for is observed.")
}

// List returns the conditions sorted by type. A condition whose status did not
// change keeps its transition time; one that is equal is kept to the letter.
func (s *Set) List() []metav1.Condition {
	for i := range s.next {
		c := &s.next[i]
		if p := meta.FindStatusCondition(s.previous, c.Type); p != nil && p.Status == c.Status {
			c.LastTransitionTime = p.LastTransitionTime
		}
		if at, ok := s.since[c.Type]; ok {
			c.LastTransitionTime = at
		}
	}
	slices.SortFunc(s.next, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return s.next
}

// KeepOne carries over, as it stands, one condition that an earlier round found and
// this one can't, and reports whether there was one.
func (s *Set) KeepOne(conditionType string) bool {
	c := meta.FindStatusCondition(s.previous, conditionType)
	if c != nil {
		meta.SetStatusCondition(&s.next, *c)
	}
	return c != nil
}
