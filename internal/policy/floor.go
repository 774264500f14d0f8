package policy

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
)

// Floor is the strictest of all enforced policies that select a portal. The
// operator writes it into the workload; what it can't write it demands.
type Floor struct {
	// RuntimeClassName of the pods; empty for the node's default.
	RuntimeClassName string
	// NodePool that the pods are bound to; empty for any.
	NodePool string
	// RetentionMonths is how long logs are kept at least.
	RetentionMonths int32
	// MinReplicas is the least number of pods.
	MinReplicas int32
	// DenyInternetEgress forbids rules to addresses outside the platform.
	DenyInternetEgress bool
	// MinTLSVersion is the lowest TLS version; empty for no bound.
	MinTLSVersion string
	// PodSecurity is the strictest standard that is demanded.
	PodSecurity v1alpha1.PodSecurityLevel
}

// EffectiveFloor combines the enforced ones of the selected policies. Where two
// demand different values that can't both hold (two runtime classes), the first
// by name is written and the evaluation reports the other as violated.
func EffectiveFloor(selected []v1alpha1.SecurityPolicy) Floor {
	var f Floor
	for i := range selected {
		spec := &selected[i].Spec
		if spec.Mode == v1alpha1.ModeAudit {
			continue
		}
		if iso := spec.Isolation; iso != nil {
			f.RuntimeClassName = firstOf(f.RuntimeClassName, iso.RuntimeClassName)
			f.NodePool = firstOf(f.NodePool, iso.NodePool)
		}
		if spec.Logging != nil {
			f.RetentionMonths = max(f.RetentionMonths, spec.Logging.RetentionMonths)
		}
		if spec.Availability != nil {
			f.MinReplicas = max(f.MinReplicas, spec.Availability.MinReplicas)
		}
		if spec.Network != nil {
			f.DenyInternetEgress = f.DenyInternetEgress || spec.Network.DenyInternetEgress
		}
		if spec.Certificates != nil {
			f.MinTLSVersion = max(f.MinTLSVersion, spec.Certificates.MinTLSVersion)
		}
		// "Restricted" sorts after "Baseline" and is the stricter one.
		f.PodSecurity = max(f.PodSecurity, spec.PodSecurity)
	}
	return f
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
