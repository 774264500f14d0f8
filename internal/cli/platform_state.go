package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/audit"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/reach"
	"github.com/govplatform/govplatform/internal/settings"
)

// Where config/default puts the operator's settings, and the Role that reads them.
const (
	operatorNamespace = "govplatform-system"
	operatorConfigMap = "govplatform-config"
	operatorSettings  = "config.yaml"
	settingsViewer    = "govplatform-settings-viewer"
)

// installation is where a command finds what the operator is installed with.
type installation struct {
	// namespace of the operator.
	namespace string
	// settings is a file that holds instead of those of the cluster; empty for none.
	settings string
}

// operatorNamespaceFlag adds the flag that names the operator's namespace.
func operatorNamespaceFlag(command *cobra.Command, namespace *string) {
	command.Flags().StringVar(namespace, "operator-namespace", operatorNamespace, "namespace of the operator")
}

func (i *installation) addFlags(command *cobra.Command) {
	operatorNamespaceFlag(command, &i.namespace)
	command.Flags().StringVar(&i.settings, "settings", "", "the operator's settings; those of the cluster without it")
}

// platformState is everything that reachability and its reasons rest on, read once.
type platformState struct {
	settings   settings.Settings
	store      *store
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
func (c *platformState) objects() []namedList {
	return []namedList{
		{kinds.Agency.Plural, &c.agencies}, {kinds.SecurityPolicy.Plural, &c.policies}, {kinds.SharedPlatform.Plural, &c.platforms},
		{kinds.AgencyPortal.Plural, &c.portals}, {kinds.DataService.Plural, &c.services}, {kinds.DataSharingLink.Plural, &c.links},
		{kinds.DataSharingApproval.Plural, &c.approvals},
	}
}

// readCountry reads with the user's own rights. What he may not read is named.
func readCountry(ctx context.Context, reader client.Reader, s settings.Settings) (*platformState, error) {
	c := &platformState{settings: s}
	// What opens comes last, so that what is read as open is held against what was
	// there before it and not after.
	lists := append(c.objects(), namedList{"namespaces", &c.namespaces}, namedList{"pods", &c.pods}, namedList{"networkpolicies", &c.network})
	for _, l := range lists {
		err := reader.List(ctx, l.list)
		switch {
		case apierrors.IsForbidden(err):
			c.unreadable = append(c.unreadable, l.kind)
		case meta.IsNoMatchError(err):
			return nil, errNotInstalled(l.kind)
		case err != nil:
			return nil, fmt.Errorf("list %s: %w", l.kind, err)
		}
	}
	return c, c.index(ctx)
}

func errNotInstalled(kind string) error {
	return fmt.Errorf("the cluster does not know %s: install govplatform first (kubectl apply -k config/crd, then config/default), or choose another cluster with --context", kind)
}

// index fills the store that gather reads from.
func (c *platformState) index(ctx context.Context) error {
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
func (c *platformState) readMakers(ctx context.Context, reader client.Reader) error {
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

// needsAll is an error when the user may not read everything.
func (c *platformState) needsAll(what string) error {
	if len(c.unreadable) == 0 {
		return nil
	}
	return exitError{2, fmt.Sprintf("%s needs to read the whole platform, and you may not list %s in all namespaces: ask the platform team, or look at your own portals with kubectl gov reach and status", what, strings.Join(c.unreadable, ", "))}
}

func (c *platformState) snapshot() reach.Snapshot {
	return reach.Snapshot{Namespaces: c.namespaces.Items, Pods: c.pods.Items, Policies: c.network.Items}
}

// audit holds what is open against what should be.
func (c *platformState) audit(ctx context.Context, now time.Time) (audit.Report, error) {
	in := audit.Input{Snapshot: c.snapshot(), ReplicaSets: c.sets.Items, Deployments: c.deployments.Items}
	for i := range c.agencies.Items {
		a, err := gather.Agency(ctx, c.store, c.store, c.store, c.settings, &c.agencies.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Agencies = append(in.Agencies, a)
	}
	for i := range c.portals.Items {
		p, err := gather.AgencyPortal(ctx, c.store, c.settings, &c.portals.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Portals = append(in.Portals, p)
	}
	for i := range c.links.Items {
		l, err := gather.DataSharingLink(ctx, c.store, c.settings, now, &c.links.Items[i])
		if err != nil {
			return audit.Report{}, err
		}
		in.Links = append(in.Links, l)
	}
	return audit.Run(in), nil
}

// liveSettings are those of the file, else those that the operator has in force, else
// those of its installation, else the shipped ones. Who may not read the first of these
// in the cluster is told which are used: another authority or other networks give
// another answer.
func liveSettings(ctx context.Context, reader client.Reader, at installation, warn io.Writer) (settings.Settings, error) {
	if at.settings != "" {
		return readSettings("--settings", at.settings)
	}
	record, unread := settingsRecord(ctx, reader, at.namespace)
	if unread != nil && !apierrors.IsForbidden(unread) {
		return settings.Settings{}, unread
	}
	if record != nil {
		return record.InForce, nil
	}
	var config corev1.ConfigMap
	err := reader.Get(ctx, client.ObjectKey{Namespace: at.namespace, Name: operatorConfigMap}, &config)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		s := settings.Default()
		at.warn(warn, fmt.Sprintf("the shipped ones are used, in which the authority is agency %s", s.AuthorityAgency), err)
		return s, nil
	case err != nil:
		return settings.Settings{}, fmt.Errorf("read the operator's settings: %w", err)
	}
	s, err := settings.Parse([]byte(config.Data[operatorSettings]))
	if err != nil {
		return settings.Settings{}, fmt.Errorf("ConfigMap %s/%s: %w; name the settings with --settings", at.namespace, operatorConfigMap, err)
	}
	if unread != nil {
		at.warn(warn, fmt.Sprintf("those written in ConfigMap %s are used, which may be held", operatorConfigMap), unread)
	}
	return s, nil
}

// warn says which settings are used instead of those in force, and what helps.
func (i installation) warn(w io.Writer, used string, err error) {
	help := "name another namespace of the operator with --operator-namespace"
	if apierrors.IsForbidden(err) {
		help = fmt.Sprintf("have a cluster administrator bind you to the Role %s of namespace %s", settingsViewer, i.namespace)
	}
	say(w, "WARNING: the settings in force can't be read (%s), so %s. Where yours are others the answer may be wrong: %s, or name your settings with --settings FILE.\n", err, used, help)
}

// settingsRecord returns what the operator recorded of its settings; nil when there
// is none.
func settingsRecord(ctx context.Context, reader client.Reader, namespace string) (*settings.Record, error) {
	var kept corev1.ConfigMap
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: settings.RecordName}, &kept)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the settings in force: %w", err)
	}
	record, err := settings.ParseRecord(kept.Data)
	if err != nil {
		return nil, nil //nolint:nilerr // the operator does not hold it to be a record either
	}
	return &record, nil
}
