package agency

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/text"
)

// mustConfirm reports whether a second person must confirm what a spec adds to
// the rights: whenever the agency holds personal data. What waited once goes on
// waiting: who may relabel the data does not decide with that who may read it.
func mustConfirm(in Input, added v1alpha1.AgencyRights) bool {
	p := in.Agency.Status.PendingRights
	return in.PersonalData != "" || p != nil && !NoRights(common(p.Added, added))
}

// pendingRights returns what waits and why, of what must be confirmed; nil when
// it is.
func pendingRights(in Input, inForce v1alpha1.GrantedRights, added v1alpha1.AgencyRights) (*v1alpha1.PendingRights, *object.Blocker) {
	a := in.Agency
	var by v1alpha1.RightsChange
	if a.Spec.RightsChange != nil {
		by = *a.Spec.RightsChange
	}
	p := v1alpha1.PendingRights{AgencyGeneration: a.Generation, RequestedBy: by.RequestedBy, Added: added}
	if was := a.Status.PendingRights; was != nil {
		same := p
		same.AgencyGeneration = was.AgencyGeneration
		if HashRights(a.UID, inForce, same) == was.Hash {
			p = same
		}
	}
	p.Hash = HashRights(a.UID, inForce, p)
	reason, remedy := unconfirmed(a, by, p.Hash)
	if reason == "" {
		return nil, nil
	}
	return &p, &object.Blocker{Class: object.Waiting, Reason: reason, Message: fmt.Sprintf("spec: rights that wait (%d): %s: nobody gets these rights before a second person confirms them, because the agency holds personal data (%s). %s To withdraw the request, take the names out of the spec.",
		len(RightsList(added)), SayRights(added), personalDataMessage(in), remedy)}
}

// unconfirmed says what is missing for a confirmation of a hash; an empty reason
// when nothing is.
func unconfirmed(a *v1alpha1.Agency, by v1alpha1.RightsChange, hash string) (reason, remedy string) {
	confirm := "Another person looks at it and confirms: kubectl gov confirm-rights " + a.Name + "."
	switch {
	case by.RequestedBy == "":
		return v1alpha1.ReasonRequesterMissing, "Nobody is named as asking: take the names out of the spec, and whoever wants them adds them again with spec.rightsChange.requestedBy, set to the own user name."
	case by.ConfirmedBy == "":
		return v1alpha1.ReasonConfirmationMissing, fmt.Sprintf("Asked for by %s. %s", text.Quote(by.RequestedBy), confirm)
	case by.ConfirmedHash != hash:
		return v1alpha1.ReasonConfirmationStale, fmt.Sprintf("Asked for by %s; spec.rightsChange.confirmedHash is for another change. %s", text.Quote(by.RequestedBy), confirm)
	case object.SamePerson(by.RequestedBy, by.ConfirmedBy):
		return v1alpha1.ReasonSameApprover, fmt.Sprintf("Asked for and confirmed by %s, who is one person. %s", text.Quote(by.RequestedBy), confirm)
	default:
		return "", ""
	}
}

func personalDataMessage(in Input) string {
	if in.PersonalData == "" {
		return "or did when this was asked for"
	}
	return in.PersonalData
}

// HashRights returns "sha256:" and the hash of a change of rights: whose it is,
// what is in force and since when, and what waits. The hash in the change itself
// does not count.
func HashRights(agency types.UID, inForce v1alpha1.GrantedRights, change v1alpha1.PendingRights) string {
	change.Hash = ""
	return object.Hash(struct {
		Agency  types.UID
		InForce v1alpha1.GrantedRights
		Change  v1alpha1.PendingRights
	}{agency, inForce, change})
}
