package fault

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// scenario is a world at rest, an act, and a world at rest.
type scenario struct {
	name string
	// make builds the world while an operator runs.
	make func(*testing.T, *world)
	// act changes something while the operator that will die runs.
	act func(*testing.T, *world)
	// done waits for the end under the operator that comes after it.
	done func(*testing.T, *world)
	// still is set when the act is nothing, so that no child may be written, whatever the fault.
	still bool
}

const otherImage = "registry.platform.example.gov.vn/test/portal@sha256:2222222222222222222222222222222222222222222222222222222222222222"

func patchPortal(patch string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		w.patch(t, w.portal, patch)
	}
}

func portalReady(t *testing.T, w *world) {
	t.Helper()
	w.portalReady(t)
}

// forbid makes a policy that the portal's image does not meet.
func forbid(t *testing.T, w *world) {
	t.Helper()
	w.policy = harness.Policy("pol-"+w.a, w.a, func(s *v1alpha1.SecurityPolicy) {
		s.Spec.Images = &v1alpha1.ImageControl{AllowedRegistries: []v1alpha1.RegistryPrefix{"other.example.gov.vn"}}
	})
	w.create(t, w.policy)
}

func scenarios() []scenario {
	return append(append(portalScenarios(), agencyScenarios()...), sharingScenarios()...)
}

func portalScenarios() []scenario {
	return []scenario{
		{name: "rest", still: true, make: makeBase, act: func(*testing.T, *world) {}, done: portalReady},
		{name: "create", make: func(t *testing.T, w *world) { w.makeAgency(t) }, act: func(t *testing.T, w *world) { w.makePortal(t) }, done: portalReady},
		{name: "image", make: makeBase, act: patchPortal(`{"spec":{"image":"` + otherImage + `"}}`), done: portalReady},
		{name: "port", make: makeBase, act: patchPortal(`{"spec":{"port":9090}}`), done: portalReady},
		{name: "scale", make: makeBase, act: patchPortal(`{"spec":{"replicas":{"min":3}}}`), done: portalReady},
		{name: "unscale", make: func(t *testing.T, w *world) {
			w.makeAgency(t)
			w.makePortal(t, func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 3 })
			w.portalReady(t)
		}, act: patchPortal(`{"spec":{"replicas":{"min":1}}}`), done: portalReady},
		{name: "tighten", make: makeBase, act: forbid, done: func(t *testing.T, w *world) {
			w.env.WaitReady(t, w.policy)
			w.nothingRuns(t)
		}},
		{name: "loosen", make: func(t *testing.T, w *world) {
			w.makeAgency(t)
			forbid(t, w)
			w.env.WaitReady(t, w.policy)
			w.makePortal(t)
			w.nothingRuns(t)
		}, act: func(t *testing.T, w *world) {
			w.patch(t, w.policy, `{"spec":{"images":{"allowedRegistries":["registry.platform.example.gov.vn"]}}}`)
		}, done: func(t *testing.T, w *world) {
			w.env.WaitReady(t, w.policy)
			w.portalReady(t)
		}},
		{name: "delete", make: makeBase, act: func(t *testing.T, w *world) { w.remove(t, w.portal) }, done: func(t *testing.T, w *world) {
			w.env.WaitGone(t, w.portal)
			w.left(t, 0, func(o client.Object) bool {
				return o.GetNamespace() == w.portal.Namespace && o.GetLabels()[names.LabelPortal] == "web"
			})
		}},
	}
}

func agencyScenarios() []scenario {
	return []scenario{
		{name: "suspend", make: makeBase, act: func(t *testing.T, w *world) { w.patch(t, w.agency, `{"spec":{"suspended":true}}`) }, done: func(t *testing.T, w *world) {
			w.settled(t)
			w.env.WaitCondition(t, w.portal, v1alpha1.ConditionWorkloadAvailable, metav1.ConditionFalse, v1alpha1.ReasonSuspended)
		}},
		{name: "admins", make: makeBase, act: func(t *testing.T, w *world) { w.patch(t, w.agency, `{"spec":{"viewerGroups":null}}`) }, done: func(t *testing.T, w *world) {
			w.left(t, 0, func(o client.Object) bool {
				return o.GetNamespace() == w.portal.Namespace && o.GetName() == "agency-viewers"
			})
			w.env.WaitReady(t, w.agency)
		}},
		{name: "off-board", make: makeBase, act: func(t *testing.T, w *world) { w.remove(t, w.agency) }, done: func(t *testing.T, w *world) {
			w.env.WaitGone(t, w.agency)
			w.env.WaitGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names.Namespace(w.a)}})
		}},
	}
}

func sharingScenarios() []scenario {
	shut := func(reason string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			w.linkShut(t, reason)
		}
	}
	return []scenario{
		{name: "approve", make: makeLink(false), act: func(t *testing.T, w *world) { w.decide(t, "ok", v1alpha1.DecisionApprove) }, done: func(t *testing.T, w *world) {
			w.env.WaitReady(t, w.link)
			w.left(t, 2, func(o client.Object) bool {
				_, policy := o.(*networkingv1.NetworkPolicy)
				return policy && o.GetLabels()[names.LabelOwnerUID] == string(w.link.UID)
			})
		}},
		{name: "suspend-link", make: makeLink(true), act: func(t *testing.T, w *world) { w.decide(t, "stop", v1alpha1.DecisionSuspend) }, done: shut(v1alpha1.ReasonLinkSuspended)},
		{name: "change-link", make: makeLink(true), act: func(t *testing.T, w *world) { w.patch(t, w.link, `{"spec":{"operations":["read","list"]}}`) }, done: shut(v1alpha1.ReasonApprovalStale)},
		{name: "expire", make: makeLink(true), act: func(t *testing.T, w *world) {
			w.patch(t, w.link, `{"spec":{"validUntil":"`+w.now().Add(time.Second).UTC().Format(time.RFC3339)+`"}}`)
		}, done: shut(v1alpha1.ReasonExpired)},
		{name: "delete-link", make: makeLink(true), act: func(t *testing.T, w *world) { w.remove(t, w.link) }, done: func(t *testing.T, w *world) {
			w.env.WaitGone(t, w.link)
			w.linkShut(t, "")
		}},
		{name: "forbid-direct", make: makeLink(true), act: func(t *testing.T, w *world) {
			w.patch(t, w.policy, `{"spec":{"dataSharing":{"allowDirectRoute":false}}}`)
		}, done: shut(v1alpha1.ReasonDirectNotAllowed)},
		{name: "add-platform", make: makePlatform(false), act: func(t *testing.T, w *world) {
			w.patch(t, w.portal, `{"spec":{"platformRefs":[{"name":"shared-`+w.a+`"}]}}`)
		}, done: func(t *testing.T, w *world) { w.flows(t, 2) }},
		{name: "drop-platform", make: makePlatform(true), act: patchPortal(`{"spec":{"platformRefs":null}}`), done: func(t *testing.T, w *world) { w.flows(t, 0) }},
	}
}

// makePlatform is a platform that another agency provides, used by the portal or not.
func makePlatform(used bool) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		w.makeProvider(t, func(p *v1alpha1.AgencyPortal) {
			p.Spec.ProvidesPlatforms = []v1alpha1.ObjectName{v1alpha1.ObjectName("shared-" + w.a)}
		})
		shared := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "shared-" + w.a}, Spec: v1alpha1.SharedPlatformSpec{
			DisplayName: "Nền tảng", Type: "Other", Capability: v1alpha1.Text("khả năng " + w.a), OwnerRef: v1alpha1.AgencyReference{Name: v1alpha1.AgencyName(w.b)},
			Endpoint: v1alpha1.PlatformEndpoint{Portal: &v1alpha1.PortalEndpoint{Agency: v1alpha1.AgencyName(w.b), Name: "api"}},
		}}
		w.create(t, shared)
		w.env.WaitReady(t, shared)
		w.makeAgency(t)
		w.makePortal(t, func(p *v1alpha1.AgencyPortal) {
			if used {
				p.Spec.PlatformRefs = []v1alpha1.PlatformReference{{Name: v1alpha1.ObjectName(shared.Name)}}
			}
		})
		w.portalReady(t)
	}
}

// flows waits until so many policies between the portal and its platform exist.
func (w *world) flows(t *testing.T, want int) {
	t.Helper()
	w.portalReady(t)
	w.left(t, want, func(o client.Object) bool { return strings.HasPrefix(o.GetName(), "platform-shared-"+w.a) })
}

// left waits until so many children that take accepts exist.
func (w *world) left(t *testing.T, want int, take func(client.Object) bool) {
	t.Helper()
	harness.Eventually(t, func() error {
		got, err := w.env.Children(t.Context(), take)
		if err != nil || len(got) != want {
			return fmt.Errorf("%s: %d objects, want %d (%w)", w.a, len(got), want, err)
		}
		return nil
	})
}
