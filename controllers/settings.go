package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// recordPause is how long a record of the settings waits after a write that failed.
const recordPause = 10 * time.Second

// maxTouched is how many names the message of held settings has.
const maxTouched = 3

// settle returns the settings that are in force: the newer ones, or the former while
// the newer would touch more that runs than somebody accepted. One slip in a file
// that all portals rest on must not stop them at the next start.
func (o *Operator) settle(ctx context.Context, live client.Reader, newer settings.Settings) (settings.Settings, error) {
	namespace := cmp.Or(o.leaseNamespace, o.namespace)
	if namespace == "" {
		ctrl.Log.WithName("govplatform").Info("The settings take effect unasked: the operator runs in no namespace, and keeps no record of the former")
		return newer, nil
	}
	c, err := direct(o)
	if err != nil {
		return settings.Settings{}, err
	}
	o.settings.client, o.settings.key = c, client.ObjectKey{Namespace: namespace, Name: settings.RecordName}
	if err := o.persist(ctx, "find out which settings are in force", func(ctx context.Context) error {
		o.settings.record, err = weighSettings(ctx, c, live, o.settings.key, newer)
		return err
	}); err != nil {
		return settings.Settings{}, err
	}
	if held := o.settings.record.Held; held != "" {
		ctrl.Log.WithName("govplatform").Error(nil, held)
	}
	return o.settings.record.InForce, nil
}

// recordSettings adds to the manager what records the settings in force.
func (o *Operator) recordSettings(recorder events.Recorder) error {
	if o.settings.client == nil {
		return nil
	}
	o.settings.events = recorder
	if err := o.Add(&o.settings); err != nil {
		return fmt.Errorf("add the recorder of the settings: %w", err)
	}
	return nil
}

// SettingsHeld reports whether the newest settings wait for somebody's acceptance.
func (o *Operator) SettingsHeld() bool { return o.settings.record.Held != "" }

// weighSettings returns the record of the settings as it must be after a start with
// newer ones.
func weighSettings(ctx context.Context, c, live client.Reader, key client.ObjectKey, newer settings.Settings) (settings.Record, error) {
	fresh := settings.Record{InForce: newer, Seen: newer.AcceptedImpact}
	var kept corev1.ConfigMap
	err := c.Get(ctx, key, &kept)
	if apierrors.IsNotFound(err) {
		return fresh, nil
	}
	if err != nil {
		return settings.Record{}, fmt.Errorf("read the settings in force: %w", err)
	}
	former, err := settings.ParseRecord(kept.Data)
	if err != nil {
		// Nobody but the operator writes it; without it the newest settings are all there is.
		ctrl.Log.WithName("govplatform").Error(err, "The record of the settings in force can't be read; the newest take effect", "configMap", key.String())
		return fresh, nil
	}
	if former.InForce.Same(newer) {
		return fresh, nil
	}
	in := desired.SettingsInput{Former: former.InForce, Newer: newer}
	if err := readTouched(ctx, live, &in); err != nil {
		return settings.Record{}, err
	}
	impact := desired.SettingsImpact(in)
	if !gather.Bound(former.InForce).Exceeds(impact.Stopped) || policy.Accepts(former.Statement(newer), impact.Stopped) {
		return fresh, nil
	}
	return settings.Record{InForce: former.InForce, Seen: newer.AcceptedImpact, Held: heldSettings(key, newer, impact)}, nil
}

func readTouched(ctx context.Context, live client.Reader, in *desired.SettingsInput) error {
	var portals v1alpha1.AgencyPortalList
	var platforms v1alpha1.SharedPlatformList
	var links v1alpha1.DataSharingLinkList
	for _, l := range []client.ObjectList{&portals, &platforms, &links} {
		if err := live.List(ctx, l, unreadable.Skip); err != nil {
			return fmt.Errorf("read what the settings would touch: %w", err)
		}
	}
	in.Portals, in.Platforms, in.Links = portals.Items, platforms.Items, links.Items
	return nil
}

// heldSettings says what would be touched and what lets the settings take effect.
func heldSettings(key client.ObjectKey, newer settings.Settings, i desired.Impact) string {
	var touched []string
	for _, s := range i.Stops {
		touched = append(touched, fmt.Sprintf("%s/%s by %s", s.Agency, s.Name, s.Control))
	}
	why := ""
	if stated := newer.AcceptedImpact; stated != nil {
		why = fmt.Sprintf(" The present acceptedImpact {portals: %d, links: %d} does not count: it covers less, or was there before this change. To state the same figures anew, take it out, start the operator, and set it again.", stated.Portals, stated.Links)
	}
	return fmt.Sprintf("The settings are held, because they would touch %d running portals and %d open links (%s). The former ones stay in force for all (ConfigMap %s). Correct the settings, or set acceptedImpact to {portals: %d, links: %d} in them if that is meant, and start the operator again; kubectl gov impact --new-settings FILE lists all.%s",
		i.Portals, i.Links, text.Few(touched, maxTouched), key, i.Portals, i.Links, why)
}

// settingsRecorder records which settings are in force, once the operator leads.
// Nothing waits for it: until it is done a start weighs the same change again.
type settingsRecorder struct {
	key    client.ObjectKey
	record settings.Record
	client client.Client
	events events.Recorder
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (r *settingsRecorder) NeedLeaderElection() bool { return true }

// Start writes the record and ends.
func (r *settingsRecorder) Start(ctx context.Context) error {
	for {
		err := r.write(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		log.FromContext(ctx).Error(err, "Could not record the settings in force; tried again", "configMap", r.key.String(), "pause", recordPause.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(recordPause):
		}
	}
}

func (r *settingsRecorder) write(ctx context.Context) error {
	data, err := r.record.Data()
	if err != nil {
		return err
	}
	var kept corev1.ConfigMap
	err = r.client.Get(ctx, r.key, &kept)
	switch {
	case apierrors.IsNotFound(err):
		kept.Namespace, kept.Name, kept.Data = r.key.Namespace, r.key.Name, data
		err = r.client.Create(ctx, &kept)
	case err == nil && !maps.Equal(kept.Data, data):
		kept.Data = data
		err = r.client.Update(ctx, &kept)
	}
	if err != nil {
		return err
	}
	if r.record.Held != "" {
		r.events.Record(&kept, events.Event{Warning: true, Reason: "SettingsHeld", Action: "Hold", Note: r.record.Held})
	}
	return nil
}
