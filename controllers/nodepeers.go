package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

const (
	// peersPause is how long the keeper of the peers waits after a failure.
	peersPause = 10 * time.Second
	// homelessPause is how long it waits while the operator's namespace goes.
	homelessPause = time.Minute
)

// peersKeeper keeps the admission policy by which no node makes a pod that the settings
// in force call a gateway, monitoring or a name server. It works beside the controllers
// on the leader, and what fails is logged and tried again: nothing waits for it.
type peersKeeper struct {
	applier  *apply.Applier
	settings settings.Settings
	// confirmed is closed when the settings are; nil for those that nobody confirms.
	confirmed <-chan struct{}
	// home names the operator's namespace, with which the policy goes; empty for none.
	home string
	// record is what Events about the settings are for; without a name there are none.
	record client.ObjectKey
	events events.Recorder
	// changed gets a value when one of the objects did.
	changed chan struct{}

	// inventory is what the last round had.
	inventory []v1alpha1.InventoryEntry
	// said is what was said last about objects in the way.
	said string
}

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get

// keepPeers adds the keeper of the peers to the manager.
func (o *Operator) keepPeers(ctx context.Context, s settings.Settings, applier *apply.Applier, recorder events.Recorder) error {
	k := &peersKeeper{
		applier: applier, settings: s, confirmed: o.settings.confirmed,
		home: cmp.Or(o.namespace, o.leaseNamespace), record: o.settings.key, events: recorder,
		changed: make(chan struct{}, 1),
	}
	for _, kind := range []client.Object{&admissionv1.ValidatingAdmissionPolicy{}, &admissionv1.ValidatingAdmissionPolicyBinding{}} {
		informer, err := o.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s: %w", kindOf(kind), err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: k.look, UpdateFunc: func(_, now any) { k.look(now) }, DeleteFunc: k.look,
		}); err != nil {
			return fmt.Errorf("watch %s: %w", kindOf(kind), err)
		}
	}
	if err := o.Add(k); err != nil {
		return fmt.Errorf("add the keeper of the peers: %w", err)
	}
	return nil
}

// look asks for a round when one of the keeper's objects changed.
func (k *peersKeeper) look(o any) {
	if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	if m, ok := o.(metav1.Object); ok && m.GetName() != names.NodePeersPolicy {
		return
	}
	select {
	case k.changed <- struct{}{}:
	default: // One is on its way.
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (k *peersKeeper) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable. It returns no error, with which the operator would
// end.
func (k *peersKeeper) Start(ctx context.Context) error {
	if k.confirmed != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-k.confirmed:
		}
	}
	if securitypolicy.NoStaticPods(k.settings) {
		ctrl.Log.WithName("govplatform").Error(nil, "By the settings every pod of kube-system is a gateway, monitoring or a name server, so no node can show the static pods of the control plane there, and kubeadm can't upgrade it: give that peer podLabels")
	}
	for {
		var again <-chan time.Time
		if pause := k.round(ctx); pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
		case <-again:
		}
	}
}

// round makes the policy as it must be, and returns when to look again; 0 for not
// before something changes.
func (k *peersKeeper) round(ctx context.Context) time.Duration {
	bounded, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	log := ctrl.Log.WithName("govplatform").WithValues("policy", names.NodePeersPolicy)
	home, goes, err := k.namespace(bounded)
	if goes {
		log.Info("The operator's namespace goes, and its admission policy for nodes with it", "namespace", k.home)
		return homelessPause
	}
	var res child.Result
	if err == nil {
		res, err = k.applier.Apply(bounded, securitypolicy.SettingsOwner(), k.inventory, securitypolicy.NodePeers(k.settings, home))
		k.inventory = res.Inventory
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		log.Error(err, "Could not keep nodes from making gateways, monitoring and name servers; tried again", "pause", peersPause.String())
		return peersPause
	}
	if len(res.Changes) > 0 {
		log.Info("Wrote the admission policy for nodes", "changes", res.Changes)
	}
	k.tell(res.Message())
	return res.RetryAfter()
}

// namespace returns the operator's own, nil when it has none. An object that names a
// namespace which is gone is removed by Kubernetes as often as it is made.
func (k *peersKeeper) namespace(ctx context.Context) (home *corev1.Namespace, goes bool, err error) {
	if k.home == "" {
		return nil, false, nil
	}
	home = &corev1.Namespace{}
	err = k.applier.Live.Get(ctx, client.ObjectKey{Name: k.home}, home)
	switch {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the operator's namespace: %w", err)
	}
	return home, home.DeletionTimestamp != nil, nil
}

// tell says once what is in the way.
func (k *peersKeeper) tell(inTheWay string) {
	if inTheWay == k.said {
		return
	}
	k.said = inTheWay
	if inTheWay == "" {
		return
	}
	note := "Nodes are not kept from making pods that every portal lets in: " + inTheWay
	ctrl.Log.WithName("govplatform").Error(nil, note)
	if k.record.Name != "" {
		record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: k.record.Namespace, Name: k.record.Name}}
		k.events.Record(record, events.Event{Warning: true, Reason: v1alpha1.ReasonConflict, Action: "Guard", Note: note})
	}
}
