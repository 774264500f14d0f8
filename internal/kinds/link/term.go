package link

import (
	"fmt"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
)

// The instants that the schema lets a status hold.
var (
	firstRecordable = time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC)
	afterRecordable = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// recordable reports whether the term of a link can stand in its scope. What
// can't be recorded can't be approved. The schema asks the same of a new spec;
// one from before may still say otherwise.
func recordable(until time.Time) bool {
	return !until.Before(firstRecordable) && until.Before(afterRecordable)
}

// validityBlocker tells why the term of a link does not hold; nil while it does.
func validityBlocker(in Input, floor SharingFloor) *object.Blocker {
	until := in.Link.Spec.ValidUntil.Time
	if !in.Now.Before(until) {
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonExpired,
			Message: fmt.Sprintf("spec.validUntil: the link expired at %s; set a later time and have it approved again.", in.Settings.Show(until))}
	}
	if !recordable(until) {
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonValidityTooLong,
			Message: "spec.validUntil: the instant is not within the years 2000 to 2199 of UTC, so the scope of the link can't be recorded; set an earlier time."}
	}
	most := floor.MaxValidity
	switch {
	case most == nil:
		return nil
	case *most <= 0:
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonValidityTooLong,
			Message: "spec.validUntil: a policy of one end lets no link be (dataSharing.maxValidity is 0); ask the authority."}
	case until.Sub(in.Link.CreationTimestamp.Time) > *most:
		return &object.Blocker{Class: object.Terminal, Reason: v1alpha1.ReasonValidityTooLong,
			Message: fmt.Sprintf("spec.validUntil: policy allows at most %s from the creation of the link; set an earlier time.", *most)}
	}
	return nil
}
