package view

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/settings"
)

// SettingsChangeImpact is what newer settings of the operator would touch.
type SettingsChangeImpact struct {
	// Running are the portals that run and the links that are open, in all.
	Running int `json:"running"`
	Portals int `json:"portals"`
	Links   int `json:"links"`
	// Held is true when the operator would hold the settings as they stand in the file.
	Held bool `json:"held"`
	// Stops lists the portals and links.
	Stops []securitypolicy.Stop `json:"stops"`
}

// SettingsImpact computes what an operator that starts with newer settings would
// touch of what runs under the former, with the operator's own code.
func SettingsImpact(ctx context.Context, reader client.Reader, former settings.Record, newer settings.Settings) (SettingsChangeImpact, error) {
	c, err := ReadState(ctx, platformOnly{reader}, former.InForce)
	if err != nil {
		return SettingsChangeImpact{}, err
	}
	if err := c.NeedsAll("the impact of settings"); err != nil {
		return SettingsChangeImpact{}, err
	}
	counted := securitypolicy.NewSettingsImpact(former.InForce, newer)
	for n := range c.platforms.Items {
		counted.Platform(&c.platforms.Items[n])
	}
	for n := range c.portals.Items {
		counted.Portal(&c.portals.Items[n])
	}
	for n := range c.links.Items {
		counted.Link(&c.links.Items[n])
	}
	i := counted.Impact()
	return SettingsChangeImpact{Running: i.Running, Portals: i.Portals, Links: i.Links, Stops: append([]securitypolicy.Stop{}, i.Stops...),
		Held: securitypolicy.HoldsSettings(former, newer, i.Stopped)}, nil
}
