package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
)

// Reasons that the table gives where the operator has none to give yet.
const (
	reasonUnseen   = "NotSeenYet"
	reasonOutdated = "Outdated"
)

// Ready is the summary of one object: whether it is ready and, when it isn't,
// the first reason why.
type Ready struct {
	// Status is True, False or Unknown.
	Status metav1.ConditionStatus `json:"ready"`
	// Reason is the reason of the condition Ready.
	Reason string `json:"reason"`
	// Message says what is wrong and what helps; empty when nothing is.
	Message string `json:"message,omitempty"`
}

// AgencyStatus is a row of the table of agencies.
type AgencyStatus struct {
	Name       string `json:"name"`
	Code       string `json:"code"`
	AdminLevel string `json:"adminLevel"`
	Portals    int32  `json:"portals"`
	// RightsChanged is when somebody got or lost rights in the namespace last, and
	// RightsChange what changed; nil while nobody did.
	RightsChanged *time.Time `json:"rightsChanged,omitempty"`
	RightsChange  string     `json:"rightsChange,omitempty"`
	Ready         `json:",inline"`
}

// PortalStatus is a row of the table of portals.
type PortalStatus struct {
	Namespace     string `json:"namespace"`
	Agency        string `json:"agency"`
	Name          string `json:"name"`
	SecurityLevel int32  `json:"securityLevel,omitempty"`
	Exposure      string `json:"exposure"`
	Ready         `json:",inline"`
}

// PolicyStatus is a row of the table of standards.
type PolicyStatus struct {
	Name      string `json:"name"`
	Mode      string `json:"mode"`
	Matched   int32  `json:"matched"`
	Compliant int32  `json:"compliant"`
	Violating int32  `json:"violating"`
	Ready     `json:",inline"`
}

// PlatformStatus is a row of the table of shared platforms.
type PlatformStatus struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Owner     string `json:"owner"`
	Consumers int32  `json:"consumers"`
	Ready     `json:",inline"`
}

// ServiceStatus is a row of the table of data services.
type ServiceStatus struct {
	Namespace      string   `json:"namespace"`
	Agency         string   `json:"agency"`
	Name           string   `json:"name"`
	Dataset        string   `json:"dataset"`
	Classification string   `json:"classification"`
	Identifier     string   `json:"identifier,omitempty"`
	Consumers      []string `json:"consumers,omitempty"`
	Ready          `json:",inline"`
}

// LinkStatus is a row of the table of links.
type LinkStatus struct {
	Namespace  string    `json:"namespace"`
	Consumer   string    `json:"consumer"`
	Name       string    `json:"name"`
	Portal     string    `json:"portal"`
	Provider   string    `json:"provider"`
	Service    string    `json:"service"`
	Phase      string    `json:"phase,omitempty"`
	ValidUntil time.Time `json:"validUntil"`
	SpecHash   string    `json:"specHash,omitempty"`
	Ready      `json:",inline"`
}

// Summary is what "kubectl gov status" reports; with -o json or yaml it is the
// output itself. Everything in it is sorted.
type Summary struct {
	Agencies []AgencyStatus `json:"agencies"`
	Portals  []PortalStatus `json:"portals"`
	Policies []PolicyStatus `json:"policies"`
	// Platforms, Services and Links are what agencies share.
	Platforms []PlatformStatus `json:"platforms"`
	Services  []ServiceStatus  `json:"services"`
	Links     []LinkStatus     `json:"links"`
	// NotReadable lists the kinds that the user has no right to read.
	NotReadable []string `json:"notReadable,omitempty"`
	// OperatorIdle says why the operator does not seem to act; empty when it does.
	OperatorIdle string `json:"operatorIdle,omitempty"`
	// SettingsHeld says why the newest settings are not in force; empty when they are.
	SettingsHeld string `json:"settingsHeld,omitempty"`

	unobserved unobserved
}

// ReadSummary reads the state of one namespace, or of all when namespace is
// empty. Kinds that the user may not read are named in the summary: an agency's
// team can read its own namespace and not the whole country.
func ReadSummary(ctx context.Context, reader client.Reader, namespace string) (Summary, error) {
	var s Summary
	var agencies v1alpha1.AgencyList
	var portals v1alpha1.AgencyPortalList
	var policies v1alpha1.SecurityPolicyList
	var platforms v1alpha1.SharedPlatformList
	var services v1alpha1.DataServiceList
	var links v1alpha1.DataSharingLinkList
	reads := []struct {
		kind    string
		list    client.ObjectList
		options []client.ListOption
	}{
		{kinds.Agency.Plural, &agencies, nil},
		{kinds.AgencyPortal.Plural, &portals, []client.ListOption{client.InNamespace(namespace)}},
		{kinds.SecurityPolicy.Plural, &policies, nil},
		{kinds.SharedPlatform.Plural, &platforms, nil},
		{kinds.DataService.Plural, &services, []client.ListOption{client.InNamespace(namespace)}},
		{kinds.DataSharingLink.Plural, &links, nil},
	}
	for _, r := range reads {
		err := reader.List(ctx, r.list, r.options...)
		switch {
		case apierrors.IsForbidden(err):
			if r.kind == kinds.DataSharingLink.Plural && namespace != "" {
				if links.Items, err = linksOf(ctx, reader, namespace, services.Items); err == nil {
					continue
				}
			}
			s.NotReadable = append(s.NotReadable, r.kind)
		case meta.IsNoMatchError(err):
			return Summary{}, errNotInstalled(r.kind)
		case err != nil:
			return Summary{}, fmt.Errorf("list %s: %w", r.kind, err)
		}
		_ = meta.EachListItem(r.list, s.unobserved.look)
	}
	if len(s.NotReadable) == len(reads) {
		return Summary{}, fmt.Errorf("you may read neither agencies nor portals nor policies here: name your agency's namespace with -n agency-<name>, or ask for membership in its viewerGroups")
	}
	s.fill(namespace, agencies.Items, portals.Items, policies.Items)
	s.fillSharing(namespace, platforms.Items, services.Items, links.Items)
	return s, nil
}

// linksOf reads the links of one agency for its own people: those in its
// namespace, and one by one those of others that ask for its services, each of
// which they may read.
func linksOf(ctx context.Context, reader client.Reader, namespace string, services []v1alpha1.DataService) ([]v1alpha1.DataSharingLink, error) {
	var own v1alpha1.DataSharingLinkList
	if err := reader.List(ctx, &own, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := own.Items
	for i := range services {
		for _, asks := range services[i].Status.Links {
			key := client.ObjectKey{}
			if key.Namespace, key.Name, _ = strings.Cut(asks, "/"); key.Namespace == namespace {
				continue
			}
			var l v1alpha1.DataSharingLink
			if err := reader.Get(ctx, key, &l); err == nil {
				out = append(out, l)
			} else if !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
				return nil, err
			}
		}
	}
	return out, nil
}

func (s *Summary) fill(namespace string, agencies []v1alpha1.Agency, portals []v1alpha1.AgencyPortal, policies []v1alpha1.SecurityPolicy) {
	s.Agencies, s.Portals, s.Policies = []AgencyStatus{}, []PortalStatus{}, []PolicyStatus{}
	for i := range agencies {
		a := &agencies[i]
		if namespace != "" && names.Namespace(a.Name) != namespace {
			continue
		}
		row := AgencyStatus{
			Name: a.Name, Code: a.Spec.Code, AdminLevel: string(a.Spec.AdminLevel), Portals: a.Status.Portals,
			Ready: readyOf(a, a.Status.StatusBase),
		}
		if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionRightsChanged); c != nil && c.Status == metav1.ConditionTrue {
			at := c.LastTransitionTime.UTC()
			row.RightsChanged, row.RightsChange = &at, c.Message
		}
		s.Agencies = append(s.Agencies, row)
	}
	for i := range portals {
		p := &portals[i]
		agency, ok := names.AgencyOf(p.Namespace)
		if !ok {
			agency = p.Namespace
		}
		s.Portals = append(s.Portals, PortalStatus{
			Namespace: p.Namespace, Agency: agency, Name: p.Name, SecurityLevel: int32(p.Status.SecurityLevel), Exposure: string(p.Spec.Exposure),
			Ready: readyOf(p, p.Status.StatusBase),
		})
	}
	for i := range policies {
		p := &policies[i]
		row := PolicyStatus{
			Name: p.Name, Mode: string(p.Spec.Mode), Matched: p.Status.Matched, Compliant: p.Status.Compliant, Violating: p.Status.Violating,
			Ready: readyOf(p, p.Status.StatusBase),
		}
		// A slip in the selector is told in the message of a policy that is ready, with
		// all else that it lacks.
		if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); row.Status == metav1.ConditionTrue && row.Message == "" && strings.Contains(c.Message, "spec.selector") {
			row.Message = c.Message
		}
		row.mention(p.Status.StatusBase, v1alpha1.ConditionAgenciesResolved)
		row.mention(p.Status.StatusBase, v1alpha1.ConditionControlsEffective)
		s.Policies = append(s.Policies, row)
	}
	// By code, a child stands below its parent.
	slices.SortFunc(s.Agencies, func(a, b AgencyStatus) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Portals, func(a, b PortalStatus) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Policies, func(a, b PolicyStatus) int { return strings.Compare(a.Name, b.Name) })
}

// fillSharing shows, for one namespace, the links of which it is either end.
func (s *Summary) fillSharing(namespace string, platforms []v1alpha1.SharedPlatform, services []v1alpha1.DataService, links []v1alpha1.DataSharingLink) {
	s.Platforms, s.Services, s.Links = []PlatformStatus{}, []ServiceStatus{}, []LinkStatus{}
	for i := range platforms {
		p := &platforms[i]
		row := PlatformStatus{
			Name: p.Name, Type: string(p.Spec.Type), Owner: string(p.Spec.OwnerRef.Name), Consumers: p.Status.Consumers,
			Ready: readyOf(p, p.Status.StatusBase),
		}
		row.mention(p.Status.StatusBase, v1alpha1.ConditionAvailable)
		row.mention(p.Status.StatusBase, v1alpha1.ConditionAgenciesResolved)
		s.Platforms = append(s.Platforms, row)
	}
	for i := range services {
		d := &services[i]
		s.Services = append(s.Services, ServiceStatus{
			Namespace: d.Namespace, Agency: agencyOf(d.Namespace), Name: d.Name, Dataset: string(d.Spec.Dataset),
			Classification: string(d.Spec.Classification), Identifier: d.Status.Identifier, Consumers: d.Status.Consumers,
			Ready: readyOf(d, d.Status.StatusBase),
		})
	}
	for i := range links {
		l := &links[i]
		if namespace != "" && l.Namespace != namespace && names.Namespace(string(l.Spec.Provider.Agency)) != namespace {
			continue
		}
		s.Links = append(s.Links, LinkStatus{
			Namespace: l.Namespace, Consumer: agencyOf(l.Namespace), Name: l.Name, Portal: string(l.Spec.Consumer.PortalRef.Name),
			Provider: string(l.Spec.Provider.Agency), Service: string(l.Spec.Provider.Service), Phase: l.Status.Phase,
			ValidUntil: l.Spec.ValidUntil.UTC(), SpecHash: l.Status.SpecHash, Ready: readyOf(l, l.Status.StatusBase),
		})
	}
	slices.SortFunc(s.Platforms, func(a, b PlatformStatus) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Services, func(a, b ServiceStatus) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Links, func(a, b LinkStatus) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}

// readyOf trusts a Ready condition only when it is about the present spec.
func readyOf(object client.Object, status v1alpha1.StatusBase) Ready {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if object.GetDeletionTimestamp() != nil && (ready == nil || ready.Status == metav1.ConditionTrue) {
		return Ready{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDeleting, Message: "It is being deleted."}
	}
	if ready == nil {
		return Ready{Status: metav1.ConditionUnknown, Reason: reasonUnseen, Message: "The operator has not looked at it yet; if this stays, see whether the operator runs."}
	}
	if status.ObservedGeneration != object.GetGeneration() {
		return Ready{Status: metav1.ConditionUnknown, Reason: reasonOutdated, Message: "The operator has not looked at the latest spec yet; before, it was " + ready.Reason + "."}
	}
	r := Ready{Status: ready.Status, Reason: ready.Reason}
	if ready.Status != metav1.ConditionTrue {
		r.Message = ready.Message
	}
	return r
}

// mention shows what a condition on which Ready does not rest finds wrong.
func (r *Ready) mention(status v1alpha1.StatusBase, condition string) {
	if c := meta.FindStatusCondition(status.Conditions, condition); c != nil && c.Status == metav1.ConditionFalse && r.Message == "" {
		r.Message = c.Message
	}
}

func newStatusCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var all bool
	var output string
	var at installation
	command := &cobra.Command{
		Use:   "status [PORTAL...]",
		Short: "Show agencies, portals, platforms, services and links, and the first reason why one is not ready",
		Example: `  # everything in the country
  kubectl gov status -A

  # one agency
  kubectl gov status -n agency-finance

  # one portal, for a script
  kubectl gov status -n agency-finance tax-filing -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			namespace, err := namespaceOf(flags, all)
			if err != nil {
				return err
			}
			summary, err := ReadSummary(cmd.Context(), reader, namespace)
			if err != nil {
				return err
			}
			if err := summary.found(namespace); err != nil {
				return err
			}
			if err := summary.keepPortals(args); err != nil {
				return err
			}
			summary.lookAtOperator(cmd.Context(), reader, at, namespace, time.Now())
			return summary.write(streams, output)
		},
	}
	command.Flags().BoolVarP(&all, "all-namespaces", "A", false, "show every agency")
	operatorNamespaceFlag(command, &at.namespace)
	addOutput(command, &output, "a table")
	flags.AddFlags(command.Flags())
	addStatusCompletion(command, flags)
	return command
}

// namespaceOf returns the namespace to show; empty means all. Outside an
// agency's namespace, such as in "default", there is nothing to show, so that
// means all as well unless the user named it.
func namespaceOf(flags *genericclioptions.ConfigFlags, all bool) (string, error) {
	if all {
		return "", nil
	}
	namespace, explicit, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", err
	}
	if _, ok := names.AgencyOf(namespace); !ok && !explicit {
		return "", nil
	}
	return namespace, nil
}

// found says when a namespace that somebody named is no agency's and has nothing
// to show: a typo must not look like an agency where all is well.
func (s *Summary) found(namespace string) error {
	if namespace == "" || slices.Contains(s.NotReadable, kinds.Agency.Plural) || len(s.Agencies)+len(s.Portals)+len(s.Services)+len(s.Links) > 0 {
		return nil
	}
	return fmt.Errorf("namespace %q is no agency's: an agency's namespace is agency-<name>; see all of them with kubectl gov status -A", namespace)
}

// keepPortals drops all portals but the named ones.
func (s *Summary) keepPortals(wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(s.Portals, func(p PortalStatus) bool { return p.Name == name }) {
			return fmt.Errorf("there is no portal %q here: see the names with kubectl gov status, or look everywhere with -A", name)
		}
	}
	s.Portals = slices.DeleteFunc(s.Portals, func(p PortalStatus) bool { return !slices.Contains(wanted, p.Name) })
	return nil
}

func (s Summary) write(streams genericiooptions.IOStreams, output string) error {
	switch output {
	case "":
		for _, kind := range s.NotReadable {
			say(streams.ErrOut, "note: you may not read %s here, so they are left out\n", kind)
		}
		if s.OperatorIdle != "" {
			say(streams.ErrOut, "WARNING: %s\n", s.OperatorIdle)
		}
		if s.SettingsHeld != "" {
			say(streams.ErrOut, "WARNING: %s\n", s.SettingsHeld)
		}
		return s.Print(streams.Out, ColorWanted(streams.Out))
	case "json":
		data, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		return raw(streams.Out, append(data, '\n'))
	case "yaml":
		data, err := yaml.Marshal(s)
		if err != nil {
			return err
		}
		return raw(streams.Out, data)
	}
	return fmt.Errorf("-o %s is not known: use json or yaml, or leave it out for a table", output)
}
