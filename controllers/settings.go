package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/unreadable"
)

const (
	// recordPause is how long a record of the settings waits after a write that failed.
	recordPause = 10 * time.Second
	// confirmTimeout bounds the look at the settings of whoever has just got the lease.
	confirmTimeout = time.Minute
	// weighedPage is how many objects are read at a time.
	weighedPage = 500
	// maxTouched is how many names the message of held settings has.
	maxTouched = 3
)

// settingsKeeper knows which settings are in force, and records it once the operator
// leads. One slip in a file that all portals rest on must not stop them at the next
// start, so newer settings that would touch more that runs than somebody accepted are
// held, and the former hold.
type settingsKeeper struct {
	key    client.ObjectKey
	client client.Client
	live   client.Reader
	events events.Recorder
	// newest are those of the file.
	newest settings.Settings
	// former is the record that the start found, and record what the start comes to.
	former *settings.Record
	record settings.Record
	// changes is true when the start puts newer ones in force.
	changes bool
	// confirmed is closed when writes may go out.
	confirmed chan struct{}
}

// settle returns the settings that are in force: the newer ones, or the former while
// those are held.
func (o *Operator) settle(ctx context.Context, live client.Reader, newest settings.Settings) (settings.Settings, error) {
	namespace := cmp.Or(o.leaseNamespace, o.namespace)
	if namespace == "" {
		ctrl.Log.WithName("govplatform").Info("The settings take effect unasked: the operator runs in no namespace, and keeps no record of the former")
		return newest, nil
	}
	c, err := direct(o)
	if err != nil {
		return settings.Settings{}, err
	}
	k := &o.settings
	*k = settingsKeeper{key: client.ObjectKey{Namespace: namespace, Name: settings.RecordName}, client: c, live: live, newest: newest, confirmed: make(chan struct{})}
	do := func(step string, attempt func(context.Context) error) error { return o.persist(ctx, step, attempt) }
	if k.former, err = k.look(do); err != nil {
		return settings.Settings{}, err
	}
	if k.record, k.changes, err = k.weigh(k.former, do); err != nil {
		return settings.Settings{}, err
	}
	if k.record.Held != "" {
		ctrl.Log.WithName("govplatform").Error(nil, k.record.Held)
	}
	return k.record.InForce, nil
}

// recordSettings adds to the manager what records the settings in force, and holds
// back its writes until these are confirmed.
func (o *Operator) recordSettings(recorder events.Recorder) error {
	if o.settings.client == nil {
		return nil
	}
	o.settings.events = recorder
	if err := o.Add(&o.settings); err != nil {
		return fmt.Errorf("add the keeper of the settings: %w", err)
	}
	o.gate.Await(o.settings.confirmed)
	return nil
}

// SettingsHeld reports whether the newest settings wait for somebody's acceptance.
func (o *Operator) SettingsHeld() bool { return o.settings.record.Held != "" }

// step does something that may have to be tried again.
type step func(name string, attempt func(context.Context) error) error

// look reads the record.
func (k *settingsKeeper) look(do step) (record *settings.Record, err error) {
	err = do("read the settings in force", func(ctx context.Context) (err error) {
		record, err = k.read(ctx)
		return err
	})
	return record, err
}

// weigh returns the record as it must be with the newest settings after a former one,
// and whether that changes what is in force.
func (k *settingsKeeper) weigh(former *settings.Record, do step) (record settings.Record, changes bool, err error) {
	fresh := settings.Record{InForce: k.newest, Seen: k.newest.AcceptedImpact}
	if former == nil || former.InForce.Same(k.newest) {
		return fresh, false, nil
	}
	counted := securitypolicy.NewSettingsImpact(former.InForce, k.newest)
	if !counted.Possible() {
		return fresh, true, nil
	}
	if err := k.count(counted, do); err != nil {
		return settings.Record{}, false, err
	}
	impact := counted.Impact()
	if !securitypolicy.HoldsSettings(*former, k.newest, impact.Stopped) {
		return fresh, true, nil
	}
	return settings.Record{InForce: former.InForce, Seen: k.newest.AcceptedImpact, Held: k.held(impact)}, false, nil
}

// read returns the record; nil when there is none.
func (k *settingsKeeper) read(ctx context.Context) (*settings.Record, error) {
	var kept corev1.ConfigMap
	err := k.client.Get(ctx, k.key, &kept)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsForbidden(err):
		return nil, missingRight(err, "get on ConfigMap "+k.key.String())
	case err != nil:
		return nil, fmt.Errorf("read ConfigMap %s: %w", k.key, err)
	}
	record, err := settings.ParseRecord(kept.Data)
	if err != nil {
		// Nobody but the operator writes it; without it the newest settings are all there is.
		ctrl.Log.WithName("govplatform").Error(err, "The record of the settings in force can't be read; the newest take effect", "configMap", k.key.String())
		return nil, nil
	}
	return &record, nil
}

// count reads page by page what newer settings could touch.
func (k *settingsKeeper) count(into *securitypolicy.SettingsImpact, do step) error {
	var platforms v1alpha1.SharedPlatformList
	if err := k.pages(&platforms, do, func() {
		for i := range platforms.Items {
			into.Platform(&platforms.Items[i])
		}
	}); err != nil {
		return err
	}
	var portals v1alpha1.AgencyPortalList
	if err := k.pages(&portals, do, func() {
		for i := range portals.Items {
			into.Portal(&portals.Items[i])
		}
	}); err != nil {
		return err
	}
	var links v1alpha1.DataSharingLinkList
	return k.pages(&links, do, func() {
		for i := range links.Items {
			into.Link(&links.Items[i])
		}
	})
}

func (k *settingsKeeper) pages(list client.ObjectList, do step, each func()) error {
	next := ""
	for {
		if err := do("read what the settings would touch", func(ctx context.Context) error {
			if err := k.live.List(ctx, list, client.Limit(weighedPage), client.Continue(next), unreadable.Skip); err != nil {
				return fmt.Errorf("read what the settings would touch: %w", err)
			}
			return nil
		}); err != nil {
			return err
		}
		each()
		if next = list.GetContinue(); next == "" {
			return nil
		}
	}
}

// held says what would be touched and what lets the settings take effect.
func (k *settingsKeeper) held(i securitypolicy.Impact) string {
	var touched []string
	for _, s := range i.Stops {
		touched = append(touched, s.Named())
	}
	why := ""
	if stated := k.newest.AcceptedImpact; stated != nil {
		why = fmt.Sprintf(" The present acceptedImpact {portals: %d, links: %d} does not count: it covers less, or was there before this change. To state the same figures anew, take it out, start the operator, and set it again.", stated.Portals, stated.Links)
	}
	return fmt.Sprintf("The settings are held, because they would touch %d running portals and %d open links (%s). The former ones stay in force for all (ConfigMap %s). Correct the settings, or set acceptedImpact to {portals: %d, links: %d} in them if that is meant, and start the operator again; kubectl gov impact --new-settings FILE lists all.%s",
		i.Portals, i.Links, text.Few(touched, maxTouched), k.key, i.Portals, i.Links, why)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (k *settingsKeeper) NeedLeaderElection() bool { return true }

// Start confirms the settings that the replica started with, lets its writes out, and
// records which are in force.
func (k *settingsKeeper) Start(ctx context.Context) error {
	record, err := k.confirm(ctx)
	if err != nil {
		return err
	}
	close(k.confirmed)
	if record == nil {
		return nil
	}
	for {
		err := k.write(ctx, *record)
		if err == nil || ctx.Err() != nil {
			return nil //nolint:nilerr // who ends records nothing, and the next start weighs again
		}
		ctrl.Log.WithName("govplatform").Error(err, "Could not record the settings in force; tried again", "configMap", k.key.String(), "pause", recordPause.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(recordPause):
		}
	}
}

// confirm looks at the settings again: a replica may have waited for the lease for
// weeks, and meanwhile others came into force, or the country grew. One that would
// decide otherwise now ends, and decides at its next start. It returns what to record;
// nil when there was no answer while nothing is to be changed, which closing does not
// wait for.
func (k *settingsKeeper) confirm(ctx context.Context) (*settings.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	do := func(_ string, attempt func(context.Context) error) (err error) {
		for {
			if err = attempt(ctx); err == nil || !fleeting(err) {
				return err
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(time.Second):
			}
		}
	}
	present, err := k.look(do)
	if err == nil && present != nil && !present.InForce.Same(k.record.InForce) && (k.former == nil || !present.InForce.Same(k.former.InForce)) {
		return nil, fmt.Errorf("the operator ends and starts again, because other settings than those that it started with are in force by now (ConfigMap %s)", k.key)
	}
	var record settings.Record
	if err == nil {
		record, _, err = k.weigh(present, do)
	}
	switch {
	case err != nil && k.changes:
		return nil, fmt.Errorf("the operator ends, because it can't confirm the settings that it started with: %w", err)
	case err != nil:
		ctrl.Log.WithName("govplatform").Error(err, "Could not look at the settings in force again; those of the start hold", "configMap", k.key.String())
		return nil, nil
	case !record.InForce.Same(k.record.InForce):
		return nil, fmt.Errorf("the operator ends and starts again, because its settings would touch more that runs, or less, than when it started (ConfigMap %s)", k.key)
	}
	return &record, nil
}

func (k *settingsKeeper) write(ctx context.Context, record settings.Record) error {
	data, err := record.Data()
	if err != nil {
		return err
	}
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: k.key.Namespace, Name: k.key.Name}}
	if _, err := controllerutil.CreateOrUpdate(ctx, k.client, kept, func() error { kept.Data = data; return nil }); err != nil {
		return fmt.Errorf("write ConfigMap %s: %w", k.key, err)
	}
	if record.Held != "" {
		k.events.Record(kept, events.Event{Warning: true, Reason: "SettingsHeld", Action: "Hold", Note: record.Held})
	}
	return nil
}
