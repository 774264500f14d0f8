package seeds

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

const foreign = "registry.example.com/shop@sha256:1111111111111111111111111111111111111111111111111111111111111111"

// refused fails unless the API server does not take an object, and says why.
func refused(t *testing.T, o client.Object, why string) {
	t.Helper()
	err := env.Admin.Create(t.Context(), o)
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), why) {
		t.Errorf("create %s: got %v, want it invalid: %s", o.GetName(), err, why)
	}
}

// TestSeed21_FailClosed: what does not meet the standards has no workload and no way in
// or out; what runs loses both when it stops meeting them; and nothing is exposed that
// the platform cannot guard, nor anything else: there is no route and no Ingress.
// Fails when the control of registries judges no image.
func TestSeed21_FailClosed(t *testing.T) {
	country(t)
	const agency = "nghe-an-hung-dung"
	bad := portal(t, agency, "unsafe", uses("document-exchange"), func(p *v1alpha1.AgencyPortal) { p.Spec.Image = foreign })
	env.WaitCondition(t, bad, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	nothingRuns(t, bad)
	noWays(t, bad)

	good := portal(t, agency, "safe", uses("document-exchange"))
	env.WaitReady(t, good)
	reachesOnly(t, good, axis+" TCP/8080")
	strict := harness.Policy("seed-21", agency, func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.other.example.gov.vn"}}
		p.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 10, Links: 10}
	})
	create(t, strict)
	env.WaitCondition(t, good, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	nothingRuns(t, good)
	noWays(t, good)
	err := env.Admin.Patch(t.Context(), strict, harness.MergePatch(`{"spec":{"images":{"allowedRegistries":[]}}}`))
	if !apierrors.IsInvalid(err) {
		t.Errorf("a list of registries without one: got %v, want it invalid", err)
	}

	public := harness.Portal("finance", "tax-filing")
	env.WaitCondition(t, public, v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonWaitingForRoutes)
	if got := look(t).to(key(public)); len(got) > 0 {
		t.Errorf("%s is reached by %q", key(public), got)
	}
	var ingresses networkingv1.IngressList
	if err := env.Admin.List(t.Context(), &ingresses); err != nil || len(ingresses.Items) > 0 {
		t.Errorf("%d Ingresses exist (%v)", len(ingresses.Items), err)
	}
}

// noWays waits until no network policy of a portal opens anything.
func noWays(t *testing.T, p *v1alpha1.AgencyPortal) {
	t.Helper()
	harness.Eventually(t, func() error {
		flows, err := env.PortalFlows(t.Context(), p)
		if err != nil {
			return err
		}
		if len(flows) > 0 {
			return fmt.Errorf("%s has %d ways, first %s/%s", key(p), len(flows), flows[0].GetNamespace(), flows[0].GetName())
		}
		return nil
	})
}

// TestSeed23_SharedPlatformsAreTheAuthoritys: only the authority may write the catalogue
// of shared platforms; agencies, the platform team and everybody else may not.
// Fails when the role of the platform team has the right.
func TestSeed23_SharedPlatformsAreTheAuthoritys(t *testing.T) {
	country(t)
	for group, want := range map[string]bool{
		sample.GroupAuthority: true, sample.GroupPlatformTeam: false, "mic-platform-admins": false, "nghean-platform-admins": false, "nghean-staff": false, "strangers": false,
	} {
		for _, verb := range []string{"create", "update", "patch", "delete"} {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "somebody", Groups: []string{group, "system:authenticated"},
				ResourceAttributes: &authorizationv1.ResourceAttributes{Group: v1alpha1.GroupVersion.Group, Resource: "sharedplatforms", Verb: verb},
			}}
			if err := env.Admin.Create(t.Context(), review); err != nil {
				t.Fatal(err)
			}
			if review.Status.Allowed != want {
				t.Errorf("group %q may %s shared platforms: %v, want %v", group, verb, review.Status.Allowed, want)
			}
		}
	}
	agency, theirs := env.User(t, "officer@nghean.example.gov.vn", "nghean-platform-admins"), env.User(t, "officer@mic.example.gov.vn", sample.GroupAuthority)
	patch := harness.MergePatch(`{"spec":{"displayName":"Hệ thống khác"}}`)
	if err := agency.Patch(t.Context(), platform("identity"), patch); !apierrors.IsForbidden(err) {
		t.Errorf("an agency changes a shared platform: %v", err)
	}
	if err := theirs.Patch(t.Context(), platform("identity"), patch, client.DryRunAll); err != nil {
		t.Errorf("the authority changes a shared platform: %v", err)
	}
}

// TestSeed24_HeadsAreAccountable: no agency without a head who answers for it.
// Fails when accountableOfficer is optional.
func TestSeed24_HeadsAreAccountable(t *testing.T) {
	country(t)
	for _, field := range [][]string{{"accountableOfficer"}, {"accountableOfficer", "title"}, {"accountableOfficer", "email"}} {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(harness.Agency("headless", "H78"))
		if err != nil {
			t.Fatal(err)
		}
		unstructured.RemoveNestedField(fields, append([]string{"spec"}, field...)...)
		o := &unstructured.Unstructured{Object: fields}
		o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindAgency))
		refused(t, o, "spec."+strings.Join(field, ".")+": Required value")
	}
}

// TestSeed25_NoDuplicatedInvestment: a second platform of the same capability and scope,
// however it is written, names the first, and nothing is opened to it.
// Fails when fingerprints are compared letter by letter.
func TestSeed25_NoDuplicatedInvestment(t *testing.T) {
	country(t)
	provider := portal(t, "da-nang", "own-axis", func(p *v1alpha1.AgencyPortal) { p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{"second-axis"} })
	env.WaitReady(t, provider)
	second := platform("second-axis")
	second.Spec = *harness.Stored(t, env, platform("document-exchange")).Spec.DeepCopy()
	second.Spec.OwnerRef.Name, second.Spec.Capability = "da-nang", "exchange  OF signed documents"
	second.Spec.Endpoint.Portal = &v1alpha1.PortalEndpoint{Agency: "da-nang", Name: "own-axis"}
	create(t, second)
	says(t, second, v1alpha1.ConditionUnique, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOf, "document-exchange")
	if second.Status.DuplicateOf != "document-exchange" {
		t.Errorf("duplicateOf is %q", second.Status.DuplicateOf)
	}
	p := portal(t, "nghe-an-vinh", "to-the-second", uses("second-axis"))
	env.WaitCondition(t, p, v1alpha1.ConditionPlatformsResolved, metav1.ConditionFalse, v1alpha1.ReasonDuplicateOf)
	runsOne(t, p)
	reachesOnly(t, p)
}

// chains counts the chains that were made.
var chains atomic.Int32

// TestSeed27_FourLevels: the sample has agencies of all four levels; a commune waits for
// its district, and that for its province, whichever was written first, and then runs a
// portal; none joins outside its chain.
// Fails when an agency does not wait for its parent.
func TestSeed27_FourLevels(t *testing.T) {
	national := country(t)
	levels := map[string]bool{}
	for _, o := range national.Objects {
		if o.GetKind() == v1alpha1.KindAgency {
			level, _, _ := unstructured.NestedString(o.Object, "spec", "adminLevel")
			levels[level] = true
		}
	}
	if len(levels) != 4 {
		t.Errorf("the sample has the levels %v", levels)
	}
	below := func(level v1alpha1.AdminLevel, parent v1alpha1.AgencyName) func(*v1alpha1.Agency) {
		return func(a *v1alpha1.Agency) {
			a.Spec.AdminLevel = level
			if parent != "" {
				a.Spec.ParentRef = &v1alpha1.ParentReference{Name: parent}
			}
		}
	}
	refused(t, harness.Agency("lonely-commune", "H79", below("Commune", "")), "they join through their province")
	// A parent stays until its children are gone, so with -count each run has a chain of its own.
	run := chains.Add(1)
	name, code := fmt.Sprintf("chain-%d", run), fmt.Sprintf("H%02d", 70+run%10)
	province := harness.Agency(name, code, below("Province", ""))
	district := harness.Agency(name+"-district", code+".01", below("District", v1alpha1.AgencyName(province.Name)))
	commune := harness.Agency(name+"-commune", code+".01.05", below("Commune", v1alpha1.AgencyName(district.Name)))
	create(t, commune)
	says(t, commune, v1alpha1.ConditionParentResolved, metav1.ConditionFalse, v1alpha1.ReasonParentNotFound, district.Name)
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Name: names.Namespace(commune.Name)}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
		t.Errorf("the commune has a namespace before its chain: %v", err)
	}
	create(t, district)
	says(t, district, v1alpha1.ConditionParentResolved, metav1.ConditionFalse, v1alpha1.ReasonParentNotFound, province.Name)
	create(t, province)
	env.WaitReady(t, province, district, commune)
	p := portal(t, commune.Name, "one-stop", func(p *v1alpha1.AgencyPortal) { p.Spec.Components = []v1alpha1.Component{v1alpha1.ComponentOneStop} })
	env.WaitReady(t, p)
}

// TestSeed32_OwnTheTechnology: images come from the national registry, by digest where
// the standard demands it; a portal with another image is refused with both named, and
// so is a pod that somebody makes by hand.
// Fails when the control of registries judges no image.
func TestSeed32_OwnTheTechnology(t *testing.T) {
	country(t)
	p := portal(t, "da-nang", "foreign", func(p *v1alpha1.AgencyPortal) { p.Spec.Image = foreign })
	says(t, p, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation, "images.allowedRegistries", foreign, "registry.platform.example.gov.vn")
	nothingRuns(t, p)
	tagged := harness.Stored(t, env, harness.Portal("social-insurance", "benefit-claims"))
	says(t, tagged, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation, "images.requireDigest")
	nothingRuns(t, tagged)
	// A pod like those of a portal that runs, and the same with the foreign image.
	var like appsv1.Deployment
	if err := env.Admin.Get(t.Context(), client.ObjectKey{Namespace: "agency-nghe-an", Name: "one-stop"}, &like); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "by-hand", Namespace: like.Namespace, Labels: like.Spec.Template.Labels}, Spec: like.Spec.Template.Spec}
	if err := env.Admin.Create(t.Context(), pod.DeepCopy(), client.DryRunAll); err != nil {
		t.Errorf("a pod with the image of its portal: %v", err)
	}
	refused := func(what, word string, change func(*corev1.PodSpec)) {
		other := pod.DeepCopy()
		change(&other.Spec)
		if err := env.Admin.Create(t.Context(), other, client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), word) {
			t.Errorf("a pod with %s: %v", what, err)
		}
	}
	refused("a foreign init container", "registry.platform.example.gov.vn", func(s *corev1.PodSpec) {
		first := *s.Containers[0].DeepCopy()
		first.Name, first.Image, first.LivenessProbe, first.ReadinessProbe, first.StartupProbe = "first", foreign, nil, nil, nil
		s.InitContainers = append(s.InitContainers, first)
	})
	pod.Spec.Containers[0].Image = foreign
	if err := env.Admin.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "registry.platform.example.gov.vn") {
		t.Errorf("a pod with a foreign image: %v", err)
	}
}

// TestSeed34_EndToEnd: the national sample, delivered and decided about by its people
// with their own rights, becomes what expected.yaml says, and who reaches whom is that
// and no more.
// Fails when half of a way is missing, and when one opens an address more.
func TestSeed34_EndToEnd(t *testing.T) {
	national := country(t)
	harness.Eventually(t, func() error {
		if d := differences(t.Context(), national); len(d) > 0 {
			return fmt.Errorf("the national sample:\n%s", strings.Join(d, "\n"))
		}
		// What other tests added may still be on its way out.
		ours := map[string]bool{}
		for _, e := range national.Expected {
			ours[e.Namespace+"/"+e.Name] = e.Kind == v1alpha1.KindAgencyPortal
		}
		now := look(t)
		var open []sample.Flow
		for name := range now.pods {
			for _, f := range now.from(name) {
				if ours[f.From] {
					open = append(open, f)
				}
			}
		}
		sorted := func(flows []sample.Flow) []sample.Flow {
			return slices.SortedFunc(slices.Values(flows), func(a, b sample.Flow) int {
				return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
			})
		}
		if got, want := sorted(open), sorted(national.Open); !slices.Equal(got, want) {
			return fmt.Errorf("open are %v, want %v", got, want)
		}
		return nil
	})
}
