package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
			Namespace: d.Namespace, Agency: AgencyOf(d.Namespace), Name: d.Name, Dataset: string(d.Spec.Dataset),
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
			Namespace: l.Namespace, Consumer: AgencyOf(l.Namespace), Name: l.Name, Portal: string(l.Spec.Consumer.PortalRef.Name),
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
func readyOf(object metav1.Object, status v1alpha1.StatusBase) Ready {
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

// Found says when a namespace that somebody named is no agency's and has nothing
// to show: a typo must not look like an agency where all is well.
func (s *Summary) Found(namespace string) error {
	if namespace == "" || slices.Contains(s.NotReadable, kinds.Agency.Plural) || len(s.Agencies)+len(s.Portals)+len(s.Services)+len(s.Links) > 0 {
		return nil
	}
	return fmt.Errorf("namespace %q is no agency's: an agency's namespace is agency-<name>; see all of them with kubectl gov status -A", namespace)
}

// KeepPortals drops all portals but the named ones.
func (s *Summary) KeepPortals(wanted []string) error {
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
