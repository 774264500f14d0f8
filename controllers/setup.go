// Package controllers puts the operator together: scheme, caches and one
// controller per kind. The operator's main and the tests share it.
package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers/agency"
	"github.com/govplatform/govplatform/controllers/agencyportal"
	"github.com/govplatform/govplatform/controllers/dataservice"
	"github.com/govplatform/govplatform/controllers/datasharingapproval"
	"github.com/govplatform/govplatform/controllers/datasharinglink"
	"github.com/govplatform/govplatform/controllers/securitypolicy"
	"github.com/govplatform/govplatform/controllers/sharedplatform"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/queue"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/unreadable"
)

// reconcileTimeout bounds one round, so that a hanging read frees its worker.
const reconcileTimeout = time.Minute

// NewScheme returns a scheme with everything that the operator reads and writes.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		return nil, fmt.Errorf("add Kubernetes kinds: %w", err)
	}
	if err := v1alpha1.AddToScheme(s); err != nil {
		return nil, fmt.Errorf("add platform kinds: %w", err)
	}
	return s, nil
}

// NewManager returns a manager whose caches hold what the operator needs and no
// more: of children only its own, of pods only their metadata. The time of the
// start, DefaultStartTimeout if it is 0, begins here.
func NewManager(ctx context.Context, cfg *rest.Config, opts ctrl.Options, startTimeout time.Duration) (*Operator, error) {
	op := &Operator{StartTimeout: cmp.Or(startTimeout, DefaultStartTimeout), began: time.Now(), queues: queue.NewSet(), informers: newInformers()}
	cfg = op.gated(cfg, &opts)
	s, err := NewScheme()
	if err != nil {
		return nil, err
	}
	managed := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{names.LabelManagedBy: names.ManagedBy})}
	ofPortals, err := labels.NewRequirement(names.LabelPortal, selection.Exists, nil)
	if err != nil {
		return nil, fmt.Errorf("select pods: %w", err)
	}
	pods := &metav1.PartialObjectMetadata{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	yes := true
	opts.Scheme, opts.MapperProvider = s, op.mapper(ctx)
	opts.Cache.DefaultTransform = transform()
	op.unreadable = unreadable.NewRegistry(func(kind string, key types.NamespacedName) {
		op.queues.Enqueue(strings.ToLower(kind), ctrl.Request{NamespacedName: key})
	})
	op.children = map[client.Object]cache.ByObject{pods: {Label: labels.NewSelector().Add(*ofPortals)}}
	for _, row := range child.Rows() {
		op.children[row.New()] = managed
	}
	opts.Cache.ByObject = op.children
	// A reconcile that follows a write must see it, else it would write again.
	opts.Client.Cache = &client.CacheOptions{EnableReadYourWritesConsistency: &yes}
	opts.Controller.ReconciliationTimeout = reconcileTimeout
	if opts.Cache.NewInformer, err = op.unreadable.Informers(cfg, s, op.informers.tracked("")); err != nil {
		return nil, err
	}
	next := opts.NewClient
	if next == nil {
		next = client.New
	}
	opts.NewClient = func(cfg *rest.Config, o client.Options) (client.Client, error) {
		var err error
		if o.HTTPClient, err = apart(cfg); err != nil {
			return nil, err
		}
		c, err := next(cfg, o)
		if err != nil {
			return nil, fmt.Errorf("create client: %w", err)
		}
		writer, err := client.New(cfg, client.Options{HTTPClient: o.HTTPClient, Scheme: o.Scheme, Mapper: o.Mapper})
		if err != nil {
			return nil, fmt.Errorf("create client for unreadable objects: %w", err)
		}
		return op.unreadable.Client(c, writer), nil
	}
	if op.Manager, err = ctrl.NewManager(cfg, opts); err != nil {
		return nil, fmt.Errorf("create manager: %w", err)
	}
	return op, nil
}

// apart returns an HTTP client with a connection of its own: what is written does not
// stand in line behind what the watches bring.
func apart(cfg *rest.Config) (*http.Client, error) {
	cfg = rest.CopyConfig(cfg)
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	// Connections are shared by all configurations that are alike; one that dials for
	// itself is like no other.
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, network, address)
	}
	c, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("create HTTP client: %w", err)
	}
	return c, nil
}

// SetupAll checks what a start needs of the cluster, finds out which settings are in
// force, and registers the indexes and every controller. The clock decides when links expire.
func SetupAll(ctx context.Context, mgr *Operator, s settings.Settings, now func() time.Time) error {
	if err := mgr.checkStart(ctx); err != nil {
		return err
	}
	live := liveReader{unreadable.Live(mgr.GetAPIReader(), mgr.GetScheme())}
	s, err := mgr.settle(ctx, live, s)
	if err != nil {
		return err
	}
	if err := index.Register(ctx, mgr.GetFieldIndexer(), s); err != nil {
		return fmt.Errorf("register indexes: %w", err)
	}
	foreign, err := foreignPolicies(ctx, mgr)
	if err != nil {
		return err
	}
	recorder, err := eventRecorder(mgr)
	if err != nil {
		return err
	}
	if err := mgr.recordSettings(recorder); err != nil {
		return err
	}
	canaries, err := quotaCanaries(ctx, mgr)
	if err != nil {
		return err
	}
	clock := newClockWatcher(now)
	if err := mgr.Add(clock); err != nil {
		return fmt.Errorf("add the clock watcher: %w", err)
	}
	applier := &apply.Applier{Client: mgr.GetClient(), Live: live, Counts: mgr.Counts(), Echoes: apply.NewEchoes(v1alpha1.KindAgencyPortal), Wanted: apply.NewWanted()}
	if err := mgr.keepPeers(ctx, s, applier, recorder); err != nil {
		return err
	}
	c := mgr.GetClient()
	err = setUp(mgr, map[string]controller{
		v1alpha1.KindAgency: &agency.Reconciler{Client: c, Live: live, Foreign: foreign, Canaries: canaries,
			Applier: applier, Settings: s, Namespace: mgr.namespace, Now: now, Events: recorder},
		v1alpha1.KindSecurityPolicy:      &securitypolicy.Reconciler{Client: c, Counts: mgr.Counts(), Events: recorder, Applier: applier, Settings: s, Now: now},
		v1alpha1.KindSharedPlatform:      &sharedplatform.Reconciler{Client: c, Events: recorder, Settings: s},
		v1alpha1.KindAgencyPortal:        &agencyportal.Reconciler{Client: c, Events: recorder, Applier: applier, Settings: s, Now: now},
		v1alpha1.KindDataService:         &dataservice.Reconciler{Client: c, Events: recorder, Settings: s, Now: now},
		v1alpha1.KindDataSharingLink:     &datasharinglink.Reconciler{Client: c, Live: live, Applier: applier, Settings: s, Now: now, Events: recorder, ClockJumps: clock.jumps},
		v1alpha1.KindDataSharingApproval: &datasharingapproval.Reconciler{Client: c, Events: recorder, Settings: s},
		// +kubebuilder:scaffold:builder
	})
	if err != nil {
		return err
	}
	return mgr.prepare(ctx)
}

// controller of one kind.
type controller interface {
	SetupWithManager(mgr ctrl.Manager) error
}

// setUp registers the controllers, by kind: every kind has one.
func setUp(mgr ctrl.Manager, controllers map[string]controller) error {
	for _, d := range kinds.All() {
		c, ok := controllers[d.Kind]
		if !ok {
			return fmt.Errorf("kind %s has no controller", d.Kind)
		}
		if err := c.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("set up the controller of %s: %w", d.Kind, err)
		}
	}
	return nil
}

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// eventRecorder adds a writer of Events to the manager, which any controller may
// hand to its loop (reconcile.Loop.Events). It has a client of its own, since
// Events are never read.
func eventRecorder(mgr ctrl.Manager) (events.Recorder, error) {
	c, err := direct(mgr)
	if err != nil {
		return nil, err
	}
	w := events.NewWriter(c)
	if queues := queue.Of(mgr); queues != nil {
		w.Busy = queues.Busy
	}
	if err := mgr.Add(w); err != nil {
		return nil, fmt.Errorf("add writer of events: %w", err)
	}
	return w, nil
}

// foreignPolicies adds a cache to the manager that holds the network policies
// which the manager's own leaves out, because the operator did not write them.
func foreignPolicies(ctx context.Context, mgr *Operator) (cache.Cache, error) {
	foreign, err := labels.NewRequirement(names.LabelManagedBy, selection.NotEquals, []string{names.ManagedBy})
	if err != nil {
		return nil, fmt.Errorf("select foreign network policies: %w", err)
	}
	return another(ctx, mgr, "foreign ", &networkingv1.NetworkPolicy{}, *foreign)
}

// quotaCanaries adds a cache that holds the quotas which show what Kubernetes
// counts.
func quotaCanaries(ctx context.Context, mgr *Operator) (cache.Cache, error) {
	canary, err := labels.NewRequirement(names.LabelQuotaCanary, selection.Exists, nil)
	if err != nil {
		return nil, fmt.Errorf("select quota canaries: %w", err)
	}
	return another(ctx, mgr, "canary ", &corev1.ResourceQuota{}, *canary)
}

// another adds a cache of one kind beside the manager's own; the prefix tells
// its informer from that of the manager's cache.
func another(ctx context.Context, mgr *Operator, prefix string, kind client.Object, which labels.Requirement) (cache.Cache, error) {
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultTransform: cache.TransformStripManagedFields(),
		NewInformer: mgr.informers.tracked(prefix),
		ByObject:    map[client.Object]cache.ByObject{kind: {Label: labels.NewSelector().Add(which)}},
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of %T: %w", kind, err)
	}
	if _, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
		return nil, fmt.Errorf("watch %s%T: %w", prefix, kind, err)
	}
	if err := mgr.Add(ownCache{c}); err != nil {
		return nil, fmt.Errorf("add cache of %s%T: %w", prefix, kind, err)
	}
	return c, nil
}
