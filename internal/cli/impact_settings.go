package cli

import (
	"context"
	"io"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
)

// printSettingsImpact writes an impact of settings for people.
func printSettingsImpact(w io.Writer, i view.SettingsChangeImpact, b settings.ImpactBound) {
	if i.Portals+i.Links == 0 {
		say(w, "The settings touch nothing of the %d that run.\n", i.Running)
		return
	}
	say(w, "The settings touch %d portals and %d links of the %d that run:\n", i.Portals, i.Links, i.Running)
	printStops(w, i.Stops)
	if !i.Held {
		say(w, "They take effect when the operator starts with them.\n")
		return
	}
	say(w, "They are held (bound: %d, or %d %% from two on), until you set in them\n", b.Portals, b.Percent)
	say(w, "  acceptedImpact: {portals: %d, links: %d}\n", i.Portals, i.Links)
}

// settingsChange is what the command was asked.
type settingsChange struct {
	files         []string
	former        view.Installation
	newer, output string
}

func settingsImpact(ctx context.Context, streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, ask settingsChange) error {
	if len(ask.files) > 0 {
		return exitError{exitFailed, "-f and --new-settings are two questions: ask one after the other"}
	}
	newer, err := view.ReadSettings("--new-settings", ask.newer)
	if err != nil {
		return asFailure(err)
	}
	reader, err := newClient(flags)
	if err != nil {
		return asFailure(err)
	}
	former, err := formerSettings(ctx, reader, ask.former, streams.ErrOut)
	if err != nil {
		return asFailure(err)
	}
	impact, err := view.SettingsImpact(ctx, reader, former, newer)
	if err != nil {
		return asFailure(err)
	}
	if err := writeAs(streams.Out, ask.output, impact, func() error {
		printSettingsImpact(streams.Out, impact, former.InForce.Bound())
		return nil
	}); err != nil {
		return asFailure(err)
	}
	if impact.Portals+impact.Links > 0 {
		return exitError{code: exitShut}
	}
	return nil
}

// formerSettings returns what newer settings are held against.
func formerSettings(ctx context.Context, reader client.Reader, at view.Installation, warn io.Writer) (settings.Record, error) {
	if at.Settings == "" {
		// What can't be read is told with the settings that stand in for it.
		if record, err := view.SettingsRecord(ctx, reader, at.Namespace); err == nil && record != nil {
			return *record, nil
		}
	}
	s, err := liveSettings(ctx, reader, at, warn)
	return settings.Record{InForce: s, Seen: s.AcceptedImpact}, err
}
