package desired

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// PolicyInput is everything that decides about a SecurityPolicy.
type PolicyInput struct {
	Policy *v1alpha1.SecurityPolicy
	// Portals that have the policy among their status.policies, or would.
	Portals []v1alpha1.AgencyPortal
}

// PolicyOutput is what should exist for a SecurityPolicy.
type PolicyOutput struct {
	Objects                       []Object
	Matched, Compliant, Violating int32
}

// SecurityPolicy builds the admission policy that holds the standard on the
// pods themselves, and counts the portals as their status shows them. An
// audited policy has no admission policy.
func SecurityPolicy(in PolicyInput) PolicyOutput {
	var out PolicyOutput
	for i := range in.Portals {
		p := &in.Portals[i]
		out.Matched++
		if violates(p, in.Policy.Name) {
			out.Violating++
		} else {
			out.Compliant++
		}
	}
	s := scope{owner: names.OwnerOf("SecurityPolicy", in.Policy), reference: true}
	if vap, binding := admissionPolicy(s, in.Policy); vap != nil {
		out.Objects = append(out.Objects, vap, binding)
	}
	return out
}

func violates(p *v1alpha1.AgencyPortal, policy string) bool {
	for _, f := range p.Status.Findings {
		if f.Policy == policy {
			return true
		}
	}
	return false
}
