package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// loosely runs f while the definition of a resource lets everything pass, as if
// the schema had a gap.
func loosely(t *testing.T, resource string, f func()) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	key := client.ObjectKey{Name: resource + "." + v1alpha1.GroupVersion.Group}
	if err := env.Admin.Get(t.Context(), key, crd); err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	strict := versions[0].(map[string]any)["schema"]
	set := func(s any) {
		t.Helper()
		data, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/versions/0/schema", "value": s}})
		if err != nil {
			t.Fatal(err)
		}
		if err := env.Admin.Patch(t.Context(), crd, client.RawPatch(types.JSONPatchType, data)); err != nil {
			t.Fatal(err)
		}
	}
	set(map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}})
	defer set(strict)
	f()
}

// spoil stores a value that Go cannot decode in a field of an object.
func spoil(t *testing.T, resource string, o client.Object, kind, path, value string) {
	t.Helper()
	loosely(t, resource, func() {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		u.SetNamespace(o.GetNamespace())
		u.SetName(o.GetName())
		patch := harness.MergePatch(fmt.Sprintf(`{"spec":{%q:%s}}`, path, value))
		// The API server takes a moment until it uses the changed definition.
		harness.Eventually(t, func() error {
			if err := env.Admin.Patch(t.Context(), u, patch); err != nil {
				return err
			}
			return nil
		})
	})
}

func unreadable(t *testing.T, kind string, o client.Object) {
	t.Helper()
	harness.Eventually(t, func() error {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), u); err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		if !slices.ContainsFunc(conditions, func(c any) bool {
			m, _ := c.(map[string]any)
			return m["type"] == v1alpha1.ConditionReady && m["status"] == "False" && m["reason"] == v1alpha1.ReasonUnreadable
		}) {
			return fmt.Errorf("%s %s does not say that it cannot be read: %v", kind, o.GetName(), conditions)
		}
		return nil
	})
}

// remover is a user of the platform team who may remove what agencies have.
func remover(t *testing.T, name string) client.Client {
	t.Helper()
	env.Create(t, harness.Everywhere(name, "govplatform-platform-team", name), harness.Everywhere(name+"-removes", "govplatform-object-remover", name))
	c := env.User(t, name, "system:authenticated")
	harness.Eventually(t, func() error { return c.List(t.Context(), &v1alpha1.AgencyList{}) })
	return c
}

// mend patches what Go may not be able to decode.
func mend(t *testing.T, gvk schema.GroupVersionKind, o client.Object, patch string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(o.GetNamespace())
	u.SetName(o.GetName())
	if err := env.Admin.Patch(t.Context(), u, harness.MergePatch(patch)); err != nil {
		t.Fatal(err)
	}
}

// discard deletes what Go may not be able to decode, as a user of the platform.
func discard(t *testing.T, c client.Client, gvk schema.GroupVersionKind, o client.Object) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(o.GetNamespace())
	u.SetName(o.GetName())
	harness.Eventually(t, func() error {
		if err := c.Delete(t.Context(), u); !apierrors.IsForbidden(err) || strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			return client.IgnoreNotFound(err)
		}
		return errors.New("the API server does not know the right yet")
	})
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), u); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("%s %s is still there (%w)", gvk.Kind, o.GetName(), err)
		}
		return nil
	})
}

// TestThreat33_UnreadableLink stores a link with a time that Go cannot parse.
// The link closes, others open and close as ever, also after a restart, and the
// link can be deleted.
// Fails with the informers of controller-runtime: their watch of links ends for
// good, and a restarted operator starts nothing; and when what can't be read closes
// without a word.
func TestThreat33_UnreadableLink(t *testing.T) {
	op := env.Operator(t, harness.OperatorOptions{})
	link := openLink(t, "garbled", "G1")
	spoil(t, "datasharinglinks", link, "DataSharingLink", "validUntil", `"2099-01-01t00:00:00z"`)
	wantLinkPolicies(t, link, 0, 20*time.Second)
	unreadable(t, "DataSharingLink", link)
	env.WaitTold(t, link.Namespace, harness.AboutAny, "Normal Removed: ", "NetworkPolicy "+link.Namespace+"/")
	env.WaitTold(t, link.Namespace, harness.AboutAny, "Warning "+v1alpha1.ReasonUnreadable+": ", "The link is closed.")
	countsAsPersonal(t, "garbled-giver")
	// Whoever adds rights elsewhere waits for a second person, and not for the link to be mended.
	added := harness.MergePatch(`{"spec":{"viewerGroups":["more"],"rightsChange":{"requestedBy":"lan"}}}`)
	giver := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "garbled-giver"}}
	if err := env.Admin.Patch(t.Context(), giver.DeepCopy(), added); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, giver, v1alpha1.ConditionRightsConfirmed, metav1.ConditionFalse, v1alpha1.ReasonConfirmationMissing)
	op.WaitQuiet(t, 3*time.Second)

	other := openLink(t, "sound", "G2")
	if err := op.Stop(); err != nil {
		t.Fatal(err)
	}
	again := env.Operator(t, harness.OperatorOptions{})
	if n := again.Manager.Unreadable()["DataSharingLink"]; n != 1 {
		t.Errorf("a restarted operator counts %d unreadable links, want 1", n)
	}
	suspend(t, "sound-giver", other)
	wantLinkPolicies(t, other, 0, 20*time.Second)
	discard(t, remover(t, "removes-links"), v1alpha1.GroupVersion.WithKind("DataSharingLink"), link)
	if n := again.Manager.Unreadable()["DataSharingLink"]; n != 0 {
		harness.Eventually(t, func() error {
			if n := again.Manager.Unreadable()["DataSharingLink"]; n != 0 {
				return fmt.Errorf("%d links are unreadable after the deletion", n)
			}
			return nil
		})
	}
}

// countsAsPersonal: of what cannot be read nobody knows whether it is about
// personal data, so whoever adds rights needs a second person. Fails when the
// object is left out of what the agency looks at.
func countsAsPersonal(t *testing.T, agency string) {
	t.Helper()
	a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}}
	if err := env.Admin.Patch(t.Context(), a, harness.MergePatch(`{"metadata":{"annotations":{"example.org/touched":"1"}}}`)); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, a, v1alpha1.ConditionRightsConfirmed, metav1.ConditionTrue, v1alpha1.ReasonNothingWaits)
}

func suspend(t *testing.T, agency string, l *v1alpha1.DataSharingLink) {
	t.Helper()
	a := harness.Approval(agency, l, v1alpha1.DecisionSuspend)
	a.Name += "-stop"
	env.Create(t, a)
}

// TestThreat33_UnreadableApproval spoils an approval and looks at its link.
// Fails when an approval that cannot be read is no approval only: made beside a
// good one it would be nothing at all.
func TestThreat33_UnreadableApproval(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	link := openLink(t, "mumbled", "G3")
	extra := harness.Approval("mumbled-giver", link, v1alpha1.DecisionApprove)
	extra.Name = "extra"
	env.Create(t, extra)
	wantLinkPolicies(t, link, 2, harness.Timeout)
	spoil(t, "datasharingapprovals", extra, "DataSharingApproval", "specHash", `{"not": "text"}`)
	wantLinkPolicies(t, link, 0, 20*time.Second)
	unreadable(t, "DataSharingApproval", extra)
	discard(t, remover(t, "removes-approvals"), v1alpha1.GroupVersion.WithKind("DataSharingApproval"), extra)
	wantLinkPolicies(t, link, 2, harness.Timeout)
}

// TestThreat33_UnreadablePolicyAndAgency spoils what others rest on: what runs
// stays, and nothing new starts.
// Fails when the client does not ask the registry.
func TestThreat33_UnreadablePolicyAndAgency(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	strict := harness.Policy("strict", "held", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"elsewhere.example.gov.vn"}}
	})
	agency, runs := harness.Agency("held", "G41"), harness.Portal("held", "runs")
	leaves := harness.Agency("leaves", "G42", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	env.Create(t, agency, leaves)
	env.WaitReady(t, agency, leaves)
	env.Create(t, runs)
	env.WaitReady(t, runs)
	env.Create(t, strict)
	env.WaitCondition(t, runs, v1alpha1.ConditionReady, "False", "")
	spoil(t, "securitypolicies", strict, "SecurityPolicy", "images", `{"allowedRegistries": 5}`)
	unreadable(t, "SecurityPolicy", strict)
	fresh := harness.Portal("held", "fresh")
	env.Create(t, fresh)
	env.WaitCondition(t, fresh, v1alpha1.ConditionReady, "Unknown", v1alpha1.ReasonLookupFailed)
	for _, o := range children(t, "held") {
		if o.GetName() == "fresh" {
			t.Errorf("%T fresh exists although a policy cannot be read", o)
		}
	}
	discard(t, env.Admin, v1alpha1.GroupVersion.WithKind("SecurityPolicy"), strict)
	env.WaitReady(t, runs, fresh)

	spoil(t, "agencies", agency, "Agency", "quota", `"much"`)
	unreadable(t, "Agency", agency)
	// No other agency's end waits for this one.
	if err := env.Admin.Delete(t.Context(), leaves); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, leaves)
	later := harness.Portal("held", "later")
	env.Create(t, later)
	env.WaitCondition(t, later, v1alpha1.ConditionReady, "Unknown", v1alpha1.ReasonLookupFailed)
	left := []string{}
	for _, o := range children(t, "held") {
		left = append(left, o.GetName())
	}
	if !slices.Contains(left, "runs") || slices.Contains(left, "later") {
		t.Errorf("with an agency that cannot be read there are %v, want runs and not later", left)
	}
	mend(t, v1alpha1.GroupVersion.WithKind("Agency"), agency, `{"spec":{"quota":null}}`)
	env.WaitReady(t, agency, later)
}

// TestThreat33_ClosingBesideTheUnreadable spoils a policy, an agency and a portal,
// one after the other, and closes what rests on them: a link by its provider, a
// link and a portal by the suspension of an agency. Whoever is not concerned goes on.
// Fails when a round that can't read everything changes nothing, and when a policy
// that can't be read concerns everybody.
func TestThreat33_ClosingBesideTheUnreadable(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	first, second := openLink(t, "beside", "G5"), openLink(t, "aside", "G6")
	bad := harness.Policy("beside", "")
	spoil(t, "securitypolicies", bad, "SecurityPolicy", "images", `{"allowedRegistries": 5}`)
	unreadable(t, "SecurityPolicy", bad)
	wantOpen(t, first)
	suspend(t, "beside-giver", first)
	wantLinkPolicies(t, first, 0, 20*time.Second)
	env.WaitCondition(t, first, v1alpha1.ConditionReady, "Unknown", v1alpha1.ReasonLookupFailed)
	suspendAgency(t, "beside-asker")
	wantNoOpenings(t, "beside-asker")

	// Nobody whom the policy does not select waits for it.
	more := harness.Portal("aside-asker", "more")
	env.Create(t, more)
	env.WaitReady(t, more)
	wantOpen(t, second)

	agency := harness.Agency("aside-asker", "G61")
	spoil(t, "agencies", agency, "Agency", "quota", `"much"`)
	unreadable(t, "Agency", agency)
	wantLinkPolicies(t, second, 0, 20*time.Second)
	suspendAgency(t, "aside-asker")
	wantNoOpenings(t, "aside-asker")

	gives := harness.Portal("aside-giver", "gives")
	spoil(t, "agencyportals", gives, "AgencyPortal", "replicas", `"many"`)
	unreadable(t, "AgencyPortal", gives)
	suspendAgency(t, "aside-giver")
	wantNoOpenings(t, "aside-giver")
}

// TestThreat33_PlatformBesideTheUnreadable spoils a shared platform: what a portal that uses
// it opened closes until it can be read. Then it spoils a policy that may select every portal
// and suspends the platform's agency: what the portals that use it opened to it is closed,
// and stays so.
// Fails when a portal's round ends at a platform that can't be read, and when one that
// can't read everything looks at its own agency alone.
func TestThreat33_PlatformBesideTheUnreadable(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	hub, user := harness.Agency("knows", "G71"), harness.Agency("asks-who", "G72")
	env.Create(t, hub, user)
	env.WaitReady(t, hub, user)
	login := harness.Portal("knows", "login", func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"knows-login"} })
	platform := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "knows-login"}, Spec: v1alpha1.SharedPlatformSpec{
		DisplayName: "Định danh", Type: v1alpha1.PlatformIdentity, OwnerRef: v1alpha1.AgencyReference{Name: "knows"}, Capability: "knows-login",
		Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: "knows", Name: "login"}},
	}}
	uses := harness.Portal("asks-who", "uses", func(p *v1alpha1.AgencyPortal) {
		p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: "knows-login"}}
	})
	env.Create(t, login, platform, uses)
	env.WaitReady(t, login, uses)
	flows := func(want bool) {
		t.Helper()
		harness.Eventually(t, func() error {
			var list networkingv1.NetworkPolicyList
			if err := env.Admin.List(t.Context(), &list, client.InNamespace("agency-knows"), client.MatchingLabels{names.LabelOwnerKind: "AgencyPortal", names.LabelOwnerName: "uses"}); err != nil {
				return err
			}
			if (len(list.Items) > 0) != want {
				return fmt.Errorf("%d policies of the user in the platform's namespace", len(list.Items))
			}
			return nil
		})
	}
	flows(true)
	spoil(t, "sharedplatforms", platform, "SharedPlatform", "capability", `5`)
	unreadable(t, "SharedPlatform", platform)
	flows(false)
	mend(t, v1alpha1.GroupVersion.WithKind("SharedPlatform"), platform, `{"spec":{"capability":"knows-login"}}`)
	flows(true)
	bad := harness.Policy("all", "")
	bad.Spec.Selector.Agencies = nil
	env.Create(t, bad)
	env.WaitReady(t, bad)
	spoil(t, "securitypolicies", bad, "SecurityPolicy", "images", `{"allowedRegistries": 5}`)
	unreadable(t, "SecurityPolicy", bad)
	flows(true)
	suspendAgency(t, "knows")
	flows(false)
	discard(t, env.Admin, v1alpha1.GroupVersion.WithKind("SecurityPolicy"), bad)
}

// TestThreat33_LabelOfTheUnreadable spoils a service beside the one that a link asks
// for: nobody knows any more which label it has, so the link waits until it is gone.
// Another agency's link does not.
// Fails when a service that can't be read is left out.
func TestThreat33_LabelOfTheUnreadable(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	link, other := openLink(t, "labelled", "G8"), openLink(t, "unlabelled", "G9")
	beside := harness.Service("labelled-giver", "beside", "gives", func(s *v1alpha1.DataService) { s.Spec.Dataset = "beside" })
	env.Create(t, beside)
	env.WaitReady(t, beside)
	wantOpen(t, link)
	spoil(t, "dataservices", beside, "DataService", "port", `"many"`)
	wantLinkPolicies(t, link, 0, 20*time.Second)
	wantOpen(t, other)
	discard(t, env.Admin, v1alpha1.GroupVersion.WithKind("DataService"), beside)
	wantLinkPolicies(t, link, 2, 20*time.Second)
}

func suspendAgency(t *testing.T, name string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Agency"))
	u.SetName(name)
	loosely(t, "agencies", func() {
		harness.Eventually(t, func() error {
			return env.Admin.Patch(t.Context(), u, harness.MergePatch(`{"spec":{"suspended":true}}`))
		})
	})
}

func wantOpen(t *testing.T, l *v1alpha1.DataSharingLink) {
	t.Helper()
	if got, err := env.LinkPolicies(t.Context(), l); err != nil || len(got) != 2 {
		t.Errorf("link %s has %d policies, want 2 (%v)", l.Name, len(got), err)
	}
}

// wantNoOpenings waits until no network policy of an agency's portals opens anything.
func wantNoOpenings(t *testing.T, agency string) {
	t.Helper()
	harness.Eventually(t, func() error {
		var list networkingv1.NetworkPolicyList
		if err := env.Admin.List(t.Context(), &list, client.InNamespace(names.Namespace(agency)), client.MatchingLabels{names.LabelOwnerKind: "AgencyPortal"}); err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return errors.New("the portal's guard is gone")
		}
		for _, p := range list.Items {
			if len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 {
				return fmt.Errorf("%s/%s opens something", p.Namespace, p.Name)
			}
		}
		return nil
	})
}

// children returns the Deployments of an agency.
func children(t *testing.T, agency string) []client.Object {
	t.Helper()
	got, err := env.Children(t.Context(), func(o client.Object) bool {
		return harness.InAgency(agency)(o) && isDeployment(o)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func isDeployment(o client.Object) bool {
	_, ok := o.(*appsv1.Deployment)
	return ok
}
