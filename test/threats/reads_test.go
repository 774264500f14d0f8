package threats

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/cli"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/internal/view"
	"github.com/govplatform/govplatform/test/harness"
)

// everybodyReadsTheCatalogue binds the shipped role as an installation does.
func everybodyReadsTheCatalogue(t *testing.T) {
	t.Helper()
	const role = "govplatform-catalogue-viewer"
	env.Create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reads-" + role}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
	})
}

// forbidden fails unless the API server says that a user may not.
func forbidden(t *testing.T, what string, err error) {
	t.Helper()
	if !apierrors.IsForbidden(err) {
		t.Errorf("%s: got %v, want it forbidden", what, err)
	}
}

// TestReadsAreBounded is a member of an agency that has nothing to do with a
// link, and of the one that is asked, with the shipped roles and no others.
// Fails with dataservices and datasharinglinks in catalogue-viewer: purposes and
// restricted services are read; without resourceNames in the Role: the provider
// reads what the consumer asks of others; without a look at the visibility: the
// restricted service is in the catalogue.
func TestReadsAreBounded(t *testing.T) {
	operate(t)
	everybodyReadsTheCatalogue(t)
	s := newShared(t, "a23")
	hidden := harness.Service(s.provider, "hidden", "gives", func(d *v1alpha1.DataService) { d.Spec.Visibility = v1alpha1.VisibilityRestricted })
	other := harness.Link(s.consumer, "other", "asks", "elsewhere", "data", func(l *v1alpha1.DataSharingLink) { l.Spec.Purpose = "Điều tra nội bộ" })
	env.Create(t, hidden, other)
	env.WaitReady(t, hidden)
	bystander := as(t, "eve@else", "else-admins", "system:authenticated")

	var agencies v1alpha1.AgencyList
	harness.Eventually(t, func() error {
		if err := bystander.List(t.Context(), &agencies); err != nil {
			return err
		}
		rows, err := view.Catalogue(t.Context(), bystander, s.provider)
		if err == nil && (len(rows) != 1 || rows[0].Name != "data" || !slices.Equal(rows[0].Operations, []string{"list", "read"})) {
			err = fmt.Errorf("the catalogue is %+v", rows)
		}
		return err
	})
	said, err := json.Marshal(agencies)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hidden", string(s.link.Spec.Purpose), string(other.Spec.Purpose)} {
		if strings.Contains(string(said), secret) {
			t.Errorf("agencies say %q to everybody", secret)
		}
	}
	forbidden(t, "a bystander reads a link", bystander.Get(t.Context(), client.ObjectKeyFromObject(s.link), &v1alpha1.DataSharingLink{}))
	forbidden(t, "a bystander lists links", bystander.List(t.Context(), &v1alpha1.DataSharingLinkList{}))
	forbidden(t, "a bystander reads a restricted service", bystander.Get(t.Context(), client.ObjectKeyFromObject(hidden), &v1alpha1.DataService{}))
	forbidden(t, "a bystander lists services", bystander.List(t.Context(), &v1alpha1.DataServiceList{}))

	provider := mallory(t, s.provider)
	decideAsProvider(t, s, provider)
	forbidden(t, "the provider reads a link to another", provider.Get(t.Context(), client.ObjectKeyFromObject(other), &v1alpha1.DataSharingLink{}))
	forbidden(t, "the provider lists the consumer's links", provider.List(t.Context(), &v1alpha1.DataSharingLinkList{}, client.InNamespace(s.link.Namespace)))
	forbidden(t, "the provider reads the consumer's portals", provider.List(t.Context(), &v1alpha1.AgencyPortalList{}, client.InNamespace(s.link.Namespace)))

	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: settings.Default().AuthorityAgency}, &v1alpha1.Agency{}); err != nil {
		newAgency(t, settings.Default().AuthorityAgency, code("a23", 3))
	}
	authority := mallory(t, settings.Default().AuthorityAgency)
	harness.Eventually(t, func() error {
		return authority.Get(t.Context(), client.ObjectKeyFromObject(other), &v1alpha1.DataSharingLink{})
	})
	forbidden(t, "an administrator of the authority's agency lists the consumer's services", authority.List(t.Context(), &v1alpha1.DataServiceList{}, client.InNamespace(s.link.Namespace)))

	env.Merge(t, s.service, `{"spec":{"visibility":"Restricted"}}`)
	harness.Eventually(t, func() error {
		if rows, err := view.Catalogue(t.Context(), bystander, s.provider); err != nil || len(rows) > 0 {
			return errors.Join(fmt.Errorf("the catalogue is %+v", rows), err)
		}
		return nil
	})
	readersFollowTheirAgency(t, s)
}

// decideAsProvider finds the link and approves it as kubectl gov does, with the
// rights of the provider's people.
func decideAsProvider(t *testing.T, s shared, provider client.Client) {
	t.Helper()
	harness.Eventually(t, func() error {
		summary, err := view.ReadSummary(t.Context(), provider, names.Namespace(s.provider))
		if err == nil && !slices.ContainsFunc(summary.Links, func(l view.LinkStatus) bool { return l.Name == s.link.Name && l.Phase == "Requested" }) {
			err = fmt.Errorf("kubectl gov status shows the links %+v and leaves out %v", summary.Links, summary.NotReadable)
		}
		return err
	})
	s.waitScope(t)
	p, err := cli.Prepare(t.Context(), provider, cli.Decision{Link: client.ObjectKeyFromObject(s.link), Decision: v1alpha1.DecisionApprove, Settings: settings.Default()})
	if err == nil {
		err = p.Write(t.Context(), provider)
	}
	if err != nil {
		t.Fatalf("the provider decides: %v", err)
	}
	waitPair(t, s.link, 2)
	var one v1alpha1.DataSharingLinkList
	if err := provider.List(t.Context(), &one, client.InNamespace(s.link.Namespace), client.MatchingFields{"metadata.name": s.link.Name}); err != nil || len(one.Items) != 1 {
		t.Errorf("the provider lists the one link: %d, %v", len(one.Items), err)
	}
}

// readersFollowTheirAgency takes a group from the provider, and then the link.
func readersFollowTheirAgency(t *testing.T, s shared) {
	t.Helper()
	viewer, waits := as(t, "viewer@a23", s.provider+"-viewers", "system:authenticated"), as(t, "waits@a23", "a23-waits", "system:authenticated")
	read := func() error {
		return viewer.Get(t.Context(), client.ObjectKeyFromObject(s.link), &v1alpha1.DataSharingLink{})
	}
	if err := read(); err != nil {
		t.Errorf("a viewer of the provider reads the link: %v", err)
	}
	agency := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: s.provider}}
	env.Merge(t, s.service, `{"spec":{"classification":"Personal"}}`)
	harness.Eventually(t, func() error {
		env.Merge(t, agency, fmt.Sprintf(`{"spec":{"viewerGroups":["a23-waits","%s-viewers"]}}`, s.provider))
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(agency), agency); err != nil || agency.Status.PendingRights == nil {
			return fmt.Errorf("nothing waits for a confirmation: %w", err)
		}
		return nil
	})
	forbidden(t, "a viewer who waits for a confirmation reads the link", waits.Get(t.Context(), client.ObjectKeyFromObject(s.link), &v1alpha1.DataSharingLink{}))
	env.Merge(t, agency, `{"spec":{"viewerGroups":[]}}`)
	harness.Eventually(t, func() error {
		if err := read(); !apierrors.IsForbidden(err) {
			return fmt.Errorf("a former viewer of the provider still reads: %w", err)
		}
		return nil
	})
	if err := env.Admin.Delete(t.Context(), s.link.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, s.link.DeepCopy())
	id := metav1.ObjectMeta{Namespace: s.link.Namespace, Name: names.Link(s.link.Namespace, s.link.Name)}
	absent(t, &rbacv1.RoleBinding{ObjectMeta: id})
	absent(t, &rbacv1.Role{ObjectMeta: id})
}
