package policy

import "github.com/govplatform/govplatform/api/v1alpha1"

// InForce returns the policies as what runs meets them: each with the spec that
// is in force. Whoever judges a running spec or an open link starts here.
func InForce(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy { return all }

// ForNew returns the policies as a new spec meets them: each with the spec in
// force and, where a newer one is held, with that one as well. Whoever judges a
// spec that does not run yet, or a link that is not open, starts here.
func ForNew(all []v1alpha1.SecurityPolicy) []v1alpha1.SecurityPolicy { return all }
