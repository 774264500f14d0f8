package portal

import (
	"fmt"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/object"
)

// End is a portal and the agency that it belongs to; nil where
// one does not exist.
type End struct {
	Portal *v1alpha1.AgencyPortal
	Agency *v1alpha1.Agency
}

// EndBlocker tells why a portal can't be an end of a link. A portal that is
// merely not available right now still can, and so can one whose newest spec is
// not looked at yet, or violates a standard while the last compliant one runs: what
// runs is what counts. What is stored about it is not enough, since it may be old
// and nobody may be able to write it: what runs is held against the present
// standards here too.
func EndBlocker(field, name string, p End, std Standards, missing string) *object.Blocker {
	switch {
	case p.Portal == nil || p.Portal.DeletionTimestamp != nil || p.Agency == nil:
		return &object.Blocker{Class: object.Waiting, Reason: missing, Message: fmt.Sprintf("%s: the portal of %q does not exist; create it or correct the name.", field, name)}
	case p.Agency.Spec.Suspended || agency.Offboards(p.Agency):
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonSuspended, Message: fmt.Sprintf("%s: agency %q is suspended or being removed; its links are closed.", field, p.Agency.Name)}
	case !complies(p.Portal) && !judged(p.Portal):
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonEndNotCompliant, Message: fmt.Sprintf("%s: portal %s/%s is not held against its policies yet (see its conditions); the link waits.", field, p.Portal.Namespace, p.Portal.Name)}
	case !complies(p.Portal), !std.met(Running(p)):
		return &object.Blocker{Class: object.Waiting, Reason: v1alpha1.ReasonEndNotCompliant, Message: fmt.Sprintf("%s: portal %s/%s does not meet its policies (see its conditions); the link waits until it does.", field, p.Portal.Namespace, p.Portal.Name)}
	default:
		return nil
	}
}

// FlowEnd is a portal as an end of a flow.
func FlowEnd(p End) flow.End {
	return flow.End{Agency: p.Agency.Name, Namespace: p.Portal.Namespace, Portal: p.Portal.Name}
}
