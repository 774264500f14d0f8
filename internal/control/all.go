package control

import "slices"

// rows is the table, in the order of the fields of the spec. Admission policies
// and documentation follow it.
var rows = slices.Concat(
	images,
	podSecurity,
	availability,
	resources,
	certificates,
	network,
	dataSharing,
	isolation,
	logging,
)

// All returns the table.
func All() []Control { return slices.Clone(rows) }
