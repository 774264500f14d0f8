package desired

import (
	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// standards is what a portal is held against by those who rest on it.
type standards struct {
	settings settings.Settings
	policies []v1alpha1.SecurityPolicy
}

// met reports whether a portal's spec meets the present standards, by the code
// that decides about the portal itself. Which platforms it references is not
// known here; that is the portal's own round to judge.
func (s standards) met(p PortalWithAgency) bool {
	in := PortalInput{Settings: s.settings, Portal: p.Portal, Agency: p.Agency, Policies: s.policies}
	return len(policy.Blocking(judge(portalScope(in), in, &p.Portal.Spec, isLastCompliant(p.Portal)).findings)) == 0
}
