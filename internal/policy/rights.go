package policy

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// HashRights returns "sha256:" and the hash of a change of rights: whose it is,
// what is in force and since when, and what waits. The hash in the change itself
// does not count.
func HashRights(agency types.UID, inForce v1alpha1.GrantedRights, change v1alpha1.PendingRights) string {
	change.Hash = ""
	return hashOf(struct {
		Agency  types.UID
		InForce v1alpha1.GrantedRights
		Change  v1alpha1.PendingRights
	}{agency, inForce, change})
}

// Protected reports whether data of a class is personal or stricter: it needs a
// legal basis, a named requester, and two people who give rights to it.
func Protected(c v1alpha1.DataClassification) bool {
	return classRank(c) >= classRank(v1alpha1.ClassificationPersonal)
}
