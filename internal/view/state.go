package view

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/internal/settings"
)

// State is everything that reachability and its reasons rest on, read once.
type State struct {
	settings settings.Settings
	store    *store
	// reader is what it was read with; nil for files.
	reader     client.Reader
	namespaces corev1.NamespaceList
	pods       corev1.PodList
	network    networkingv1.NetworkPolicyList
	// sets and deployments say who made the pods; only the audit reads them.
	sets        appsv1.ReplicaSetList
	deployments appsv1.DeploymentList
	agencies    v1alpha1.AgencyList
	portals     v1alpha1.AgencyPortalList
	policies    v1alpha1.SecurityPolicyList
	platforms   v1alpha1.SharedPlatformList
	services    v1alpha1.DataServiceList
	links       v1alpha1.DataSharingLinkList
	approvals   v1alpha1.DataSharingApprovalList
	// unreadable names what the user may not read.
	unreadable []string
}

// namedList is a list and what the API server calls it.
type namedList struct {
	kind string
	list client.ObjectList
}

// objects are the lists of the platform's kinds, in the order of their table.
func (c *State) objects() []namedList {
	return []namedList{
		{kinds.Agency.Plural, &c.agencies}, {kinds.SecurityPolicy.Plural, &c.policies}, {kinds.SharedPlatform.Plural, &c.platforms},
		{kinds.AgencyPortal.Plural, &c.portals}, {kinds.DataService.Plural, &c.services}, {kinds.DataSharingLink.Plural, &c.links},
		{kinds.DataSharingApproval.Plural, &c.approvals},
	}
}

// ReadState reads with the user's own rights. What the user may not read is named
// by NeedsAll.
func ReadState(ctx context.Context, reader client.Reader, s settings.Settings) (*State, error) {
	c := &State{settings: s, reader: reader}
	// What opens comes last, so that what is read as open is held against what was
	// there before it and not after.
	lists := append(c.objects(), namedList{"namespaces", &c.namespaces}, namedList{"pods", &c.pods}, namedList{"networkpolicies", &c.network})
	for _, l := range lists {
		err := reader.List(ctx, l.list)
		switch {
		case apierrors.IsForbidden(err):
			c.unreadable = append(c.unreadable, l.kind)
		case meta.IsNoMatchError(err):
			return nil, NotInstalled(l.kind)
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", l.kind, err)
		}
	}
	return c, c.index(ctx)
}

// index fills the store that gather reads from.
func (c *State) index(ctx context.Context) error {
	var err error
	if c.store, err = newStore(ctx, c.settings); err != nil {
		return err
	}
	for _, l := range append(c.objects(), namedList{"namespaces", &c.namespaces}, namedList{"networkpolicies", &c.network}) {
		if err := c.store.addList(l.list); err != nil {
			return err
		}
	}
	return nil
}

// readMakers reads what made the pods, after the pods: what made one lives longer.
func (c *State) readMakers(ctx context.Context, reader client.Reader) error {
	for _, l := range []struct {
		kind string
		list client.ObjectList
	}{{"deployments", &c.deployments}, {"replicasets", &c.sets}} {
		err := reader.List(ctx, l.list)
		switch {
		case apierrors.IsForbidden(err):
			c.unreadable = append(c.unreadable, l.kind)
		case err != nil:
			return fmt.Errorf("list %s: %w", l.kind, err)
		}
	}
	return c.store.addList(&c.deployments)
}

// NeedsAll is an error when the user may not read everything.
func (c *State) NeedsAll(what string) error {
	if len(c.unreadable) == 0 {
		return nil
	}
	return fmt.Errorf("%s needs to read the whole platform, and you may not list %s in all namespaces: ask the platform team, or look at your own portals with kubectl gov reach and status", what, strings.Join(c.unreadable, ", "))
}

func (c *State) snapshot() reach.Snapshot {
	return reach.Snapshot{Namespaces: c.namespaces.Items, Pods: c.pods.Items, Policies: c.network.Items}
}

// auditReport holds what is open against what should be.
func (c *State) auditReport(ctx context.Context, now time.Time) (audit.Report, error) {
	in := audit.Input{Snapshot: c.snapshot(), ReplicaSets: c.sets.Items, Deployments: c.deployments.Items}
	for i := range c.agencies.Items {
		a, err := agency.Gather(ctx, c.store, c.store, c.store, c.settings, &c.agencies.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Agencies = append(in.Agencies, a)
	}
	for i := range c.portals.Items {
		p, err := portal.Gather(ctx, c.store, c.settings, &c.portals.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Portals = append(in.Portals, p)
	}
	for i := range c.links.Items {
		l, err := link.Gather(ctx, c.store, c.settings, now, &c.links.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Links = append(in.Links, l)
	}
	return audit.Run(in), nil
}
