package policy

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Protected reports whether data of a class is personal or stricter: it needs a
// legal basis, a named requester, and two people who give rights to it.
func Protected(c v1alpha1.DataClassification) bool {
	return ClassRank(c) >= ClassRank(v1alpha1.ClassificationPersonal)
}

// Classes orders classifications from the least to the most protected.
var Classes = []v1alpha1.DataClassification{
	v1alpha1.ClassificationPublic, v1alpha1.ClassificationInternal, v1alpha1.ClassificationPersonal, v1alpha1.ClassificationStateSecret,
}

// ClassRank orders a classification. Nothing said is Internal, as the schema has it; a
// class that is not known is protected like a state secret.
func ClassRank(c v1alpha1.DataClassification) int {
	if c == "" {
		c = v1alpha1.ClassificationInternal
	}
	if i := slices.Index(Classes, c); i >= 0 {
		return i
	}
	return len(Classes) - 1
}

// Strictest returns the most protected of several classifications: a weaker
// label on one side of the same data never counts.
func Strictest(all ...v1alpha1.DataClassification) v1alpha1.DataClassification {
	if len(all) == 0 {
		return v1alpha1.ClassificationInternal
	}
	most := 0
	for _, c := range all {
		most = max(most, ClassRank(c))
	}
	return Classes[most]
}
