package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// warnings keeps what the API server warns of.
type warnings struct {
	sync.Mutex
	texts []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.Lock()
	defer w.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) take() string {
	w.Lock()
	defer w.Unlock()
	out := strings.Join(w.texts, "\n")
	w.texts = nil
	return out
}

// TestStandardWarnings: whoever writes a standard that may stop what runs is told
// at once, and not refused: for a new one, and for each change of one that is
// enforced already, such as a typo. A statement of an earlier change keeps nobody
// from being told.
//
// Without the binding of standard-impact there is no warning; with CREATE alone
// among its operations no change is warned of; with a statement that silences it
// whenever it stands in the spec, as it was, a typo beside a used one is not.
func TestStandardWarnings(t *testing.T) {
	seen := &warnings{}
	cfg := rest.CopyConfig(env.ControlPlane.AdminConfig())
	cfg.WarningHandler = seen
	c, err := harness.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	stored := func(p *v1alpha1.SecurityPolicy, status string) *v1alpha1.SecurityPolicy {
		env.Create(t, p)
		if err := env.Admin.Status().Patch(t.Context(), p, harness.MergePatch(`{"status":`+status+`}`)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	images := func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Images = &v1alpha1.ImageControl{RequireDigest: true, AllowedRegistries: []v1alpha1.RegistryPrefix{"registry.platform.example.gov.vn"}}
	}
	accepted := func(p *v1alpha1.SecurityPolicy) { p.Spec.AcceptedImpact = &v1alpha1.AcceptedImpact{Portals: 7} }
	policies := map[string]*v1alpha1.SecurityPolicy{
		"audited":    stored(harness.Policy("warned", "nobody-here", images, func(p *v1alpha1.SecurityPolicy) { p.Spec.Mode = v1alpha1.ModeAudit }), `{"violating":7}`),
		"enforced":   stored(harness.Policy("warned-enforced", "nobody-here", images), `{"violating":7}`),
		"everywhere": stored(harness.Policy("warned-everywhere", "", images), `{"matched":0}`),
		"used":       stored(harness.Policy("warned-used", "", images, accepted), `{"usedAcceptance":{"portals":7,"links":0}}`),
		"taken out":  stored(harness.Policy("warned-taken-out", "", images), `{"usedAcceptance":{"portals":7,"links":0}}`),
	}
	const (
		typo     = `"images":{"allowedRegistries":["registry.platform.exmaple.gov.vn"]}`
		everyone = "every portal of the country"
		violated = "7 portals violated this policy"
		command  = "kubectl gov impact"
	)
	tests := []struct {
		// policy that is changed; empty for a new one.
		policy, name, change string
		want                 []string
	}{
		{"", "a new one that selects everything", "", []string{everyone, command}},
		{"everywhere", "a typo", `{"spec":{` + typo + `}}`, []string{everyone, command}},
		{"everywhere", "another control", `{"spec":{"network":{"denyInternetEgress":true}}}`, []string{everyone, command}},
		{"everywhere", "a label", `{"metadata":{"labels":{"example.org/x":"y"}}}`, nil},
		{"everywhere", "a typo with a statement", `{"spec":{` + typo + `,"acceptedImpact":{"portals":7}}}`, nil},
		{"used", "a typo beside a used statement", `{"spec":{` + typo + `}}`, []string{everyone, command}},
		{"used", "a typo with a used statement, written out", `{"spec":{` + typo + `,"acceptedImpact":{"portals":7,"links":0}}}`, []string{everyone, command}},
		{"used", "a typo with another statement", `{"spec":{` + typo + `,"acceptedImpact":{"portals":8}}}`, nil},
		{"taken out", "a typo with the used statement again", `{"spec":{` + typo + `,"acceptedImpact":{"portals":7}}}`, []string{everyone, command}},
		{"enforced", "a typo", `{"spec":{` + typo + `}}`, []string{violated, command}},
		{"enforced", "selects everything", `{"spec":{"selector":{"agencies":null}}}`, []string{violated, everyone, command}},
		{"enforced", "audits", `{"spec":{"mode":"Audit"}}`, nil},
		{"audited", "enforces", `{"spec":{"mode":"Enforce"}}`, []string{violated, command}},
		{"audited", "enforces, and selects everything", `{"spec":{"mode":"Enforce","selector":{"agencies":null}}}`, []string{violated, everyone, command}},
		{"audited", "enforces with a statement", `{"spec":{"mode":"Enforce","acceptedImpact":{"portals":7}}}`, nil},
		{"audited", "a typo", `{"spec":{` + typo + `}}`, nil},
	}
	for _, tt := range tests {
		t.Run(strings.TrimSpace(tt.policy+" "+tt.name), func(t *testing.T) {
			harness.Eventually(t, func() error {
				seen.take()
				var err error
				if tt.policy == "" {
					err = c.Create(t.Context(), harness.Policy("warned-new", ""), client.DryRunAll)
				} else {
					err = c.Patch(t.Context(), policies[tt.policy].DeepCopy(), harness.MergePatch(tt.change), client.DryRunAll)
				}
				if err != nil {
					t.Fatalf("a warning refuses: %v", err)
				}
				got := seen.take()
				if len(tt.want) == 0 && strings.Contains(got, "standard-impact") {
					t.Fatalf("warned of %s", got)
				}
				for _, w := range tt.want {
					if !strings.Contains(got, w) {
						return fmt.Errorf("the warning does not name %q: %q", w, got)
					}
				}
				return nil
			})
		})
	}
}
