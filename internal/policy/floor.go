package policy

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/control"
)

// EffectiveFloor combines the enforced ones of the selected policies. Where two
// demand different values that can't both hold (two runtime classes), the first
// by name is written and the evaluation reports the other as violated.
func EffectiveFloor(selected []v1alpha1.SecurityPolicy) control.Floor {
	var f control.Floor
	for i := range selected {
		if spec := &selected[i].Spec; spec.Mode != v1alpha1.ModeAudit {
			f.Join(spec)
		}
	}
	return f
}
