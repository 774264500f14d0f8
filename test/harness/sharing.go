package harness

import (
	"context"
	"fmt"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// Users in whose name fixtures ask and decide; all may do everything.
const (
	// AdminUser is the user behind Env.Admin, as approvals must name it.
	AdminUser = "govplatform:admin"
	// AuthorityUser decides for the authority: one person never decides for two sides.
	AuthorityUser = "govplatform:authority"
	// RequesterUser asks for personal data.
	RequesterUser = "govplatform:requester"
)

// Service returns a data service of an agency's portal.
func Service(agency, name, portal string, modify ...func(*v1alpha1.DataService)) *v1alpha1.DataService {
	s := &v1alpha1.DataService{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: names.Namespace(agency)},
		Spec: v1alpha1.DataServiceSpec{
			PortalRef: v1alpha1.LocalReference{Name: v1alpha1.ObjectName(portal)}, ServiceCode: v1alpha1.ObjectName(name),
			Dataset: v1alpha1.ObjectName(agency + "-" + name), Classification: v1alpha1.ClassificationInternal, Port: 8080,
			Operations: []v1alpha1.Operation{{Name: "read", Method: "GET", Path: "/v1/items/*"}, {Name: "list", Method: "GET", Path: "/v1/items"}},
		},
	}
	for _, f := range modify {
		f(s)
	}
	return s
}

// Link returns a direct link from a portal to a service, valid for a year.
func Link(agency, name, portal, provider, service string, modify ...func(*v1alpha1.DataSharingLink)) *v1alpha1.DataSharingLink {
	l := &v1alpha1.DataSharingLink{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: names.Namespace(agency)},
		Spec: v1alpha1.DataSharingLinkSpec{
			Consumer: v1alpha1.LinkConsumer{PortalRef: v1alpha1.LocalReference{Name: v1alpha1.ObjectName(portal)}},
			Provider: v1alpha1.LinkProvider{Agency: v1alpha1.AgencyName(provider), Service: v1alpha1.ObjectName(service)},
			Purpose:  "Kiểm thử", LegalBasis: "Nghị định 47/2020/NĐ-CP", Operations: []string{"read"},
			ValidUntil: metav1.NewTime(time.Now().Add(365 * 24 * time.Hour).Truncate(time.Second)),
			Route:      v1alpha1.RouteDirect,
		},
	}
	for _, f := range modify {
		f(l)
	}
	return l
}

// Approval returns the decision of an agency about the link's present scope.
func Approval(agency string, l *v1alpha1.DataSharingLink, d v1alpha1.Decision) *v1alpha1.DataSharingApproval {
	approver := AdminUser
	if agency == settings.Default().AuthorityAgency {
		approver = AuthorityUser
	}
	return &v1alpha1.DataSharingApproval{
		ObjectMeta: metav1.ObjectMeta{Name: l.Name, Namespace: names.Namespace(agency)},
		Spec: v1alpha1.DataSharingApprovalSpec{
			LinkRef:  v1alpha1.LinkReference{Namespace: v1alpha1.ObjectName(l.Namespace), Name: v1alpha1.ObjectName(l.Name)},
			SpecHash: l.Status.SpecHash, Decision: d, Reason: "Kiểm thử", Approver: approver,
		},
	}
}

// As returns the client that may write an object: the API server accepts a
// decision only from the approver that it names.
func (e *Env) As(o client.Object) client.Client {
	a, ok := o.(*v1alpha1.DataSharingApproval)
	if !ok || a.Spec.Approver != AuthorityUser {
		return e.Admin
	}
	return e.authority
}

// LinkPolicies returns the network policies that exist for a link, wherever.
func (e *Env) LinkPolicies(ctx context.Context, l *v1alpha1.DataSharingLink) ([]client.Object, error) {
	out, err := e.Children(ctx, func(o client.Object) bool {
		_, policy := o.(*networkingv1.NetworkPolicy)
		return policy && o.GetLabels()[names.LabelOwnerUID] == string(l.UID)
	})
	if err != nil {
		return nil, fmt.Errorf("list policies of the link: %w", err)
	}
	return out, nil
}

// PortalFlows returns the policies of a portal beyond deny and base: its halves of ways.
func (e *Env) PortalFlows(ctx context.Context, p *v1alpha1.AgencyPortal) ([]client.Object, error) {
	return e.Children(ctx, func(o client.Object) bool {
		np, ok := o.(*networkingv1.NetworkPolicy)
		return ok && o.GetLabels()[names.LabelOwnerUID] == string(p.UID) && len(np.Spec.PolicyTypes) == 1
	})
}

// CreateConfirmed creates an agency and, where its rights wait because data that it
// has a part in is personal, confirms them as a second person.
func (e *Env) CreateConfirmed(t *testing.T, a *v1alpha1.Agency) {
	t.Helper()
	a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: RequesterUser}
	e.Create(t, a)
	Eventually(t, func() error {
		var got v1alpha1.Agency
		if err := e.Admin.Get(t.Context(), client.ObjectKeyFromObject(a), &got); err != nil {
			return err
		}
		if p := got.Status.PendingRights; p != nil && p.Hash != got.Spec.RightsChange.ConfirmedHash {
			confirmed := got.DeepCopy()
			confirmed.Spec.RightsChange.ConfirmedBy, confirmed.Spec.RightsChange.ConfirmedHash = AuthorityUser, p.Hash
			if err := e.Admin.Patch(t.Context(), confirmed, client.MergeFrom(&got)); err != nil {
				return err
			}
		}
		if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("agency %s is not ready: %+v", a.Name, got.Status.Conditions)
		}
		return nil
	})
	e.WaitReady(t, a)
}
