package model

import (
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// state is what the API server holds at one revision, of everything that
// consent rests on. It is judged here in the model's own words: nothing of the
// operator's decision is used but the hash that it computed for a spec.
type state struct {
	links     map[string]*v1alpha1.DataSharingLink
	approvals map[string]*v1alpha1.DataSharingApproval
	agencies  map[string]*v1alpha1.Agency
	services  map[string]*v1alpha1.DataService
	portals   map[string]*v1alpha1.AgencyPortal
	policies  map[string]*networkingv1.NetworkPolicy
}

func newState() *state {
	return &state{
		links: map[string]*v1alpha1.DataSharingLink{}, approvals: map[string]*v1alpha1.DataSharingApproval{}, agencies: map[string]*v1alpha1.Agency{},
		services: map[string]*v1alpha1.DataService{}, portals: map[string]*v1alpha1.AgencyPortal{}, policies: map[string]*networkingv1.NetworkPolicy{},
	}
}

func keyOf(o client.Object) string { return o.GetNamespace() + "/" + o.GetName() }

func serviceKey(l *v1alpha1.DataSharingLink) string {
	return names.Namespace(string(l.Spec.Provider.Agency)) + "/" + string(l.Spec.Provider.Service)
}

func (s *state) set(o client.Object) {
	switch x := o.(type) {
	case *v1alpha1.DataSharingLink:
		s.links[keyOf(o)] = x
	case *v1alpha1.DataSharingApproval:
		s.approvals[keyOf(o)] = x
	case *v1alpha1.Agency:
		s.agencies[o.GetName()] = x
	case *v1alpha1.DataService:
		s.services[keyOf(o)] = x
	case *v1alpha1.AgencyPortal:
		s.portals[keyOf(o)] = x
	case *networkingv1.NetworkPolicy:
		if ofLink(x) {
			s.policies[keyOf(o)] = x
		}
	}
}

func (s *state) remove(o client.Object) {
	switch o.(type) {
	case *v1alpha1.DataSharingLink:
		delete(s.links, keyOf(o))
	case *v1alpha1.DataSharingApproval:
		delete(s.approvals, keyOf(o))
	case *v1alpha1.Agency:
		delete(s.agencies, o.GetName())
	case *v1alpha1.DataService:
		delete(s.services, keyOf(o))
	case *v1alpha1.AgencyPortal:
		delete(s.portals, keyOf(o))
	case *networkingv1.NetworkPolicy:
		delete(s.policies, keyOf(o))
	}
}

func ofLink(p *networkingv1.NetworkPolicy) bool {
	return p.Labels[names.LabelOwnerKind] == "DataSharingLink"
}

func (s *state) linkOf(p *networkingv1.NetworkPolicy) *v1alpha1.DataSharingLink {
	l := s.links[p.Labels[names.LabelOwnerNamespace]+"/"+p.Labels[names.LabelOwnerName]]
	if l == nil || l.UID != types.UID(p.Labels[names.LabelOwnerUID]) {
		return nil
	}
	return l
}

// forbids says why a link must be shut in this state; empty when it must be
// open. The hash is the operator's for the link's present generation, so the
// state is judged only where the operator has seen the spec; see consented.
func (s *state) forbids(l *v1alpha1.DataSharingLink, now time.Time) string {
	if !now.Before(l.Spec.ValidUntil.Time) {
		return "the link has expired"
	}
	if l.Status.ObservedGeneration != l.Generation || l.Status.SpecHash == "" {
		return "its present spec has no scope"
	}
	return s.consented(l, l.Status.SpecHash)
}

// consented says why a hash is not consented to in this state; empty when it is.
func (s *state) consented(l *v1alpha1.DataSharingLink, hash string) string {
	if l.DeletionTimestamp != nil {
		return "the link is being deleted"
	}
	service := s.services[serviceKey(l)]
	if service == nil {
		return "there is no service"
	}
	consumer, _ := names.AgencyOf(l.Namespace)
	for _, a := range []string{consumer, string(l.Spec.Provider.Agency)} {
		if agency := s.agencies[a]; agency == nil || agency.Spec.Suspended || agency.DeletionTimestamp != nil {
			return "agency " + a + " is suspended"
		}
	}
	for _, p := range []string{l.Namespace + "/" + string(l.Spec.Consumer.PortalRef.Name), service.Namespace + "/" + string(service.Spec.PortalRef.Name)} {
		if s.portals[p] == nil {
			return "there is no portal " + p
		}
	}
	provider := s.side(l, string(l.Spec.Provider.Agency), hash)
	authority := s.side(l, settings.Default().AuthorityAgency, hash)
	switch {
	case provider.closed != "" || authority.closed != "":
		return "closed by " + provider.closed + authority.closed
	case !provider.approved:
		return fmt.Sprintf("the provider has not approved %.14s", hash)
	case service.Spec.Classification == v1alpha1.ClassificationPersonal && !authority.approved:
		return fmt.Sprintf("the authority has not approved %.14s", hash)
	}
	return ""
}

// opinion of one side about a link.
type opinion struct {
	approved bool
	closed   string
}

// side is what the decisions of one side come to. The API server stamps them to the
// second, and an approval that is not newer than a rejection of any scope counts for
// nothing: of two in the same second nobody can tell which was the last word.
func (s *state) side(l *v1alpha1.DataSharingLink, agency, hash string) opinion {
	var out opinion
	var approved, rejected metav1.Time
	for _, a := range s.approvals {
		ref := a.Spec.LinkRef
		if a.Namespace != names.Namespace(agency) || string(ref.Namespace) != l.Namespace || string(ref.Name) != l.Name {
			continue
		}
		switch {
		case a.Spec.Decision == v1alpha1.DecisionSuspend, a.Spec.Decision == v1alpha1.DecisionReject && a.Spec.SpecHash == hash:
			out.closed = a.Name
		case a.Spec.Decision == v1alpha1.DecisionReject && rejected.Before(&a.CreationTimestamp):
			rejected = a.CreationTimestamp
		case a.Spec.Decision == v1alpha1.DecisionApprove && a.Spec.SpecHash == hash && approved.Before(&a.CreationTimestamp):
			approved = a.CreationTimestamp
		}
	}
	out.approved = rejected.Before(&approved)
	return out
}
