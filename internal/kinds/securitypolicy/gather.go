package securitypolicy

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/settings"
)

// Gather reads what decides about a policy. What runs in the country is
// looked at only while the newest spec is not in force.
func Gather(ctx context.Context, r client.Reader, counts read.Tally, s settings.Settings, now time.Time, p *v1alpha1.SecurityPolicy) (Input, error) {
	in := Input{Policy: p, Now: now, Bound: Bound(s)}
	absent, err := read.AbsentAgencies(ctx, r, policy.AgenciesOfPolicy(&p.Spec))
	if err != nil {
		return in, err
	}
	in.AbsentAgencies = absent
	if policy.Pending(p) {
		running, err := GatherImpact(ctx, r, s, now, p)
		in.Running = &running
		if err != nil {
			return in, err
		}
	}
	return in, in.count(counts)
}

// Bound is how much changes of standards may stop, as the settings say.
func Bound(s settings.Settings) policy.Bound {
	b := s.Bound()
	return policy.Bound{Count: b.Portals, Percent: b.Percent, Window: b.Window.Duration}
}

// HoldsSettings reports whether newer settings are held after those on record, by what
// they would touch.
func HoldsSettings(former settings.Record, newer settings.Settings, touched policy.Stopped) bool {
	return Bound(former.InForce).Exceeds(touched) && !policy.Accepts(former.Statement(newer), touched)
}
