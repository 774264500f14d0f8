package view

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	"github.com/govplatform/govplatform/internal/kinds/platform"
	"github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/kinds/service"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// sharingSet is what files say about sharing.
type sharingSet struct {
	platforms []*v1alpha1.SharedPlatform
	services  []*v1alpha1.DataService
	links     []*v1alpha1.DataSharingLink
	approvals []*v1alpha1.DataSharingApproval
}

// country holds the files' objects as if the operator had looked at each: a
// portal that nothing blocks is compliant.
func (s *localSet) country(ctx context.Context, input RenderInput) (*State, error) {
	c := &State{settings: input.Settings}
	for _, a := range s.agencies {
		c.agencies.Items = append(c.agencies.Items, *a)
	}
	for _, p := range s.portals {
		p.Status = v1alpha1.AgencyPortalStatus{}
		setTrue(&p.Status.StatusBase, v1alpha1.ConditionPolicyCompliant)
		c.portals.Items = append(c.portals.Items, *p)
		if name, ok := names.AgencyOf(p.Namespace); ok && s.agency(name) == nil {
			c.assumeAgency(name, p.Spec.Hostnames)
		}
	}
	c.policies.Items = s.policies
	for _, p := range s.sharing.platforms {
		c.platforms.Items = append(c.platforms.Items, *p)
	}
	for _, d := range s.sharing.services {
		d.Status = v1alpha1.DataServiceStatus{}
		setTrue(&d.Status.StatusBase, v1alpha1.ConditionDatasetOwned)
		c.services.Items = append(c.services.Items, *d)
		if name, ok := names.AgencyOf(d.Namespace); ok && s.agency(name) == nil {
			c.assumeAgency(name, nil)
		}
	}
	for _, l := range s.sharing.links {
		l.Status = v1alpha1.DataSharingLinkStatus{}
		// It would be created now.
		l.CreationTimestamp = metav1.NewTime(input.Now)
		c.links.Items = append(c.links.Items, *l)
	}
	for _, a := range s.sharing.approvals {
		c.approvals.Items = append(c.approvals.Items, *a)
	}
	if err := c.index(ctx); err != nil {
		return nil, err
	}
	for i := range c.portals.Items {
		in, err := s.portalInput(ctx, c, &c.portals.Items[i])
		if err != nil {
			return nil, err
		}
		if out := portal.Decide(in); len(out.Blockers) == 0 {
			setTrue(&c.portals.Items[i].Status.StatusBase, v1alpha1.ConditionReady)
		} else {
			c.portals.Items[i].Status.Conditions = nil
		}
	}
	return c, c.index(ctx)
}

func (c *State) assumeAgency(name string, domains []v1alpha1.DNSName) {
	for i := range c.agencies.Items {
		if c.agencies.Items[i].Name == name {
			c.agencies.Items[i].Spec.Domains = append(c.agencies.Items[i].Spec.Domains, domains...)
			return
		}
	}
	c.agencies.Items = append(c.agencies.Items, v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: name, UID: renderedUID}, Spec: v1alpha1.AgencySpec{Domains: domains}})
}

func setTrue(s *v1alpha1.StatusBase, condition string) {
	s.Conditions = append(s.Conditions, metav1.Condition{Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReady})
}

// portalInput gathers as the operator does. Which of two claims is older, the
// files don't say; renderPortal refuses both.
func (s *localSet) portalInput(ctx context.Context, c *State, p *v1alpha1.AgencyPortal) (portal.Input, error) {
	in, err := portal.Gather(ctx, c.store, c.settings, p)
	in.NamespaceGuarded, in.OlderSiblings, in.RunningSiblings, in.OneStopHolder, in.HostnameHolders = true, 0, 0, "", nil
	return in, err
}

// renderSharing builds the policies of the links that are open, and what lets
// people read links, and says what is wrong with platforms, services and links.
func (s *localSet) renderSharing(ctx context.Context, c *State, input RenderInput, r *Rendering) ([]object.Object, error) {
	for i, p := range s.sharing.platforms {
		where := s.where(v1alpha1.KindSharedPlatform, p)
		for _, other := range s.sharing.platforms[:i] {
			if object.Fingerprint(other.Spec.Capability, other.Spec.Scope) == object.Fingerprint(p.Spec.Capability, p.Spec.Scope) {
				r.refuse("%s: spec.capability: SharedPlatform %s has the same capability and scope; keep one, or state what differs", where, other.Name)
			}
		}
		in, err := platform.Gather(ctx, c.store, c.settings, p)
		if err != nil {
			return nil, err
		}
		if b := platform.Decide(in).Available; b != nil {
			r.note("%s: %s: %s", where, b.Reason, b.Message)
		}
		if absent := policy.AbsentMessage(in.AbsentAgencies); absent != "" {
			r.note("%s: %s: %s", where, v1alpha1.ReasonAgencyNotFound, absent)
		}
	}
	for i, d := range s.sharing.services {
		where := s.where(v1alpha1.KindDataService, d)
		for _, other := range s.sharing.services[:i] {
			if other.Spec.Dataset == d.Spec.Dataset {
				r.refuse("%s: spec.dataset: %q is also the dataset of DataService %s/%s, and a dataset has one owner nationwide; keep one", where, d.Spec.Dataset, other.Namespace, other.Name)
			}
		}
		in, err := service.Gather(ctx, c.store, c.settings, d, input.Now)
		if err != nil {
			return nil, err
		}
		if b := service.Decide(in).Published; b != nil {
			r.block(where, *b)
		}
	}
	var objects []object.Object
	for _, l := range s.sharing.links {
		rendered, err := s.renderLink(ctx, c, l, input, r)
		if err != nil {
			return nil, err
		}
		objects = append(objects, rendered...)
	}
	return objects, nil
}

func (s *localSet) renderLink(ctx context.Context, c *State, l *v1alpha1.DataSharingLink, input RenderInput, r *Rendering) ([]object.Object, error) {
	where := s.where(v1alpha1.KindDataSharingLink, l)
	in, err := link.Gather(ctx, c.store, c.settings, input.Now, l)
	if err != nil {
		return nil, err
	}
	if scope, ok := link.ScopeOf(in); ok && input.AssumeApproved {
		for _, ns := range []string{names.Namespace(string(l.Spec.Provider.Agency)), names.Namespace(c.settings.AuthorityAgency)} {
			a := &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: names.Link(l.Namespace, l.Name), UID: types.UID("assumed-" + ns)}}
			a.Spec = v1alpha1.DataSharingApprovalSpec{
				LinkRef:  v1alpha1.LinkReference{Namespace: v1alpha1.ObjectName(l.Namespace), Name: v1alpha1.ObjectName(l.Name)},
				SpecHash: link.HashScope(scope), Decision: v1alpha1.DecisionApprove,
				Approver: "assumed of " + ns,
			}
			in.Approvals = append(in.Approvals, *a)
			c.store.add(a)
		}
	}
	out := link.Decide(in)
	for _, b := range out.References {
		r.block(where, b)
	}
	switch {
	case out.Validity != nil && out.Validity.Reason == v1alpha1.ReasonExpired:
		r.note("%s: %s: %s", where, out.Validity.Reason, out.Validity.Message)
	case out.Validity != nil:
		r.block(where, *out.Validity)
	case len(out.References) == 0 && !out.Open:
		who := `the provider "` + string(l.Spec.Provider.Agency) + `"`
		if out.AuthorityRequired {
			who += ` and the authority "` + c.settings.AuthorityAgency + `"`
		}
		r.note("%s: nothing passes before %s approve it (kubectl gov approve); approvals can't be told offline", where, who)
	}
	return slices.Concat(out.Objects, out.Readers), nil
}

// observe takes the objects as they would be in the cluster, with one pod for
// every Deployment.
func (c *State) observe(ctx context.Context, objects []object.Object) error {
	seen := map[string]bool{}
	namespace := func(name string) {
		if !seen[name] {
			seen[name] = true
			c.namespaces.Items = append(c.namespaces.Items, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Namespace:
			if !seen[o.Name] {
				seen[o.Name] = true
				c.namespaces.Items = append(c.namespaces.Items, *o)
			}
		case *networkingv1.NetworkPolicy:
			namespace(o.Namespace)
			c.network.Items = append(c.network.Items, *o)
		case *appsv1.Deployment:
			namespace(o.Namespace)
			c.pods.Items = append(c.pods.Items, corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, Labels: o.Spec.Template.Labels}, Spec: o.Spec.Template.Spec,
			})
		}
	}
	for _, l := range []client.ObjectList{&c.namespaces, &c.network} {
		if err := c.store.addList(l); err != nil {
			return err
		}
	}
	return ctx.Err()
}
