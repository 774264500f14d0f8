package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/lease"
	"github.com/govplatform/govplatform/internal/queue"
	"github.com/govplatform/govplatform/internal/read"
	"github.com/govplatform/govplatform/internal/tally"
	"github.com/govplatform/govplatform/internal/unreadable"
)

const (
	// DefaultStartTimeout bounds the time from NewManager until all caches are filled.
	DefaultStartTimeout = 2 * time.Minute
	// defaultRenewDeadline is how long a renewal of the lease is good for; that of controller-runtime.
	defaultRenewDeadline = 10 * time.Second
	// stuckAfter is when a worker counts as stuck. Its round was given up long before.
	stuckAfter = reconcileTimeout + 30*time.Second
)

// Operator is a manager that starts within a time or ends with a reason, and
// that knows what of it runs.
type Operator struct {
	ctrl.Manager
	// StartTimeout bounds the time from NewManager until all caches are filled.
	StartTimeout time.Duration
	began        time.Time

	queues    *queue.Set
	informers *informers
	children  map[client.Object]cache.ByObject
	gate      *lease.Gate
	// unreadable knows the objects that the caches leave out.
	unreadable *unreadable.Registry
	leads      atomic.Int64 // since when, in Unix nanoseconds; 0 before that
	// namespace of the ServiceAccount that the operator runs as; empty for none.
	namespace string
	// leaseNamespace is where the lease is, if that is said; empty for the operator's own.
	leaseNamespace string
	// definitions knows how the served kinds differ from those of this build.
	definitions *definitions
	// settings are those in force, and what records them.
	settings settingsKeeper
}

// gated returns a configuration whose writes need the lease, if there is one.
func (o *Operator) gated(cfg *rest.Config, opts *ctrl.Options) *rest.Config {
	deadline := defaultRenewDeadline
	if opts.RenewDeadline != nil {
		deadline = *opts.RenewDeadline
	}
	o.leaseNamespace = opts.LeaderElectionNamespace
	o.gate = &lease.Gate{Name: opts.LeaderElectionID, Deadline: deadline, Free: !opts.LeaderElection}
	cfg = rest.CopyConfig(cfg)
	cfg.WrapTransport = transport.Wrappers(o.gate.Wrap, cfg.WrapTransport)
	return cfg
}

// ownCache is a cache that the manager fills before it starts anything.
type ownCache struct{ cache.Cache }

// GetCache makes the manager wait for it.
func (c ownCache) GetCache() cache.Cache { return c.Cache }

// prepare asks for all informers, so that a replica that waits for the lease
// has its caches filled, and adds the checks of what runs.
func (o *Operator) prepare(ctx context.Context) error {
	watched := slices.Collect(maps.Keys(o.children))
	for _, d := range kinds.All() {
		watched = append(watched, d.New())
	}
	for _, object := range watched {
		if _, err := o.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watch %s: %w", kindOf(object), err)
		}
	}
	for name, i := range o.definitions.watched {
		o.informers.add("CustomResourceDefinition "+name, i.HasSynced)
	}
	return errors.Join(o.addReadyChecks(), o.AddHealthzCheck("controllers", o.healthy))
}

// addReadyChecks adds one check per cache and controller, since the answer of
// /readyz names the checks that fail and nothing else.
func (o *Operator) addReadyChecks() error {
	var errs []error
	for _, name := range o.informers.names() {
		errs = append(errs, o.AddReadyzCheck("cache-"+strings.ReplaceAll(name, " ", "-"), o.readyCheck(name, o.informers.missing)))
	}
	for name := range o.queues.Running() {
		errs = append(errs, o.AddReadyzCheck("controller-"+name, o.readyCheck(name, o.stopped)))
	}
	return errors.Join(errs...)
}

func (o *Operator) readyCheck(name string, missing func() []string) healthz.Checker {
	return func(*http.Request) error {
		for _, m := range missing() {
			if m == name {
				return fmt.Errorf("%s is not ready", name)
			}
		}
		return nil
	}
}

// stopped names the controllers that should run and do not. A replica without
// the lease runs none, and is ready to.
func (o *Operator) stopped() []string {
	if !o.leading() {
		return nil
	}
	return o.queues.Stopped()
}

// leading reports whether the replica has the lease, or needs none.
func (o *Operator) leading() bool {
	if !o.gate.Held() {
		return false
	}
	o.leads.CompareAndSwap(0, time.Now().UnixNano())
	return true
}

// Ready names what is not ready: caches that are not filled and, on the leader,
// controllers that do not work.
func (o *Operator) Ready() []string {
	return append(o.informers.missing(), o.stopped()...)
}

// Queues returns the queues of the controllers.
func (o *Operator) Queues() *queue.Set { return o.queues }

// RunningControllers reports of every controller whether it works.
func (o *Operator) RunningControllers() map[string]bool { return o.queues.Running() }

// Counts is what the caches hold by what it says.
func (o *Operator) Counts() read.Tally { return tally.Stores(o.informers.store) }

// Unreadable counts the objects of each kind that the caches leave out.
func (o *Operator) Unreadable() map[string]int { return o.unreadable.Counts() }

// healthy fails when only a new process would help.
func (o *Operator) healthy(*http.Request) error {
	if stuck := o.queues.Stuck(stuckAfter); len(stuck) > 0 {
		return fmt.Errorf("a worker is stuck: %s", strings.Join(stuck, ", "))
	}
	if stopped := o.stopped(); len(stopped) > 0 && time.Since(time.Unix(0, o.leads.Load())) > o.StartTimeout {
		return fmt.Errorf("controllers did not start within %s: %s", o.StartTimeout, strings.Join(stopped, ", "))
	}
	return nil
}

// startPoll is how often the caches are looked at during the start.
const startPoll = 50 * time.Millisecond

// Start runs the operator until the context ends. A manager that is cancelled
// before its caches are filled never ends and uses a processor for it, so it
// is not told, and the caller is expected to end the process.
func (o *Operator) Start(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	for _, i := range o.definitions.watched {
		go i.RunWithContext(running)
	}
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- o.Manager.Start(running)
	}()
	deadline := time.NewTimer(o.startLeft())
	defer deadline.Stop()
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for len(o.informers.missing()) > 0 {
		why := ""
		select {
		case err := <-done:
			return err
		case err := <-o.definitions.failed:
			return o.endFor(err, cancel, done)
		case <-ctx.Done():
			why = "it was stopped before its caches were filled"
		case <-deadline.C:
			why = fmt.Sprintf("its caches were not filled within %s", o.StartTimeout)
		case <-poll.C:
		}
		// They may be filled since it was looked.
		if why != "" && len(o.informers.missing()) > 0 {
			return o.abandon(why)
		}
	}
	select {
	case err := <-done:
		return err
	case err := <-o.definitions.failed:
		return o.endFor(err, cancel, done)
	case <-ctx.Done():
		cancel()
		return <-done
	}
}

// abandon leaves a manager behind that cannot end, and makes sure that it does
// nothing any more.
func (o *Operator) abandon(why string) error {
	missing := o.informers.missing()
	o.gate.Shut()
	return fmt.Errorf("the operator did not start: %s; missing: %s (is the kind installed, and may the operator list and watch it?)", why, strings.Join(missing, ", "))
}
