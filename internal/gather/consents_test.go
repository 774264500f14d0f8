package gather

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// TestStandingConsents: a consent ends by the word of the portal that gave it, or with
// its agency, and not because the portal is away.
// Fails when a portal that is not there takes its consent back, and when none ever goes.
func TestStandingConsents(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	portal := func(name string, provides ...v1alpha1.ObjectName) *v1alpha1.AgencyPortal {
		return &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-a", Name: name, UID: "now"}, Spec: v1alpha1.AgencyPortalSpec{ProvidesPlatforms: provides}}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
		portal("agrees", "other", "id"), portal("took-it-back", "other")).Build()
	for _, tt := range []struct {
		agency, name string
		stands       bool
	}{
		{"a", "agrees", true}, {"a", "took-it-back", false}, {"a", "away", true}, {"gone", "agrees", false},
	} {
		p := &v1alpha1.SharedPlatform{ObjectMeta: metav1.ObjectMeta{Name: "id"}}
		p.Status.Consents = []v1alpha1.ConsentedScope{{PortalUID: "former", Portal: v1alpha1.PortalEndpoint{Agency: v1alpha1.AgencyName(tt.agency), Name: v1alpha1.ObjectName(tt.name)}}}
		got, err := standingConsents(t.Context(), c, p)
		if err != nil || (len(got) == 1) != tt.stands {
			t.Errorf("%s/%s: %v, %v", tt.agency, tt.name, got, err)
		}
	}
}
