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

// TestStandardWarnings: whoever applies a standard that may stop what runs is
// told at once, and not refused. Without the binding of standard-impact there is
// no warning.
func TestStandardWarnings(t *testing.T) {
	seen := &warnings{}
	cfg := rest.CopyConfig(env.ControlPlane.AdminConfig())
	cfg.WarningHandler = seen
	c, err := harness.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	audited := harness.Policy("warned", "nobody-here", func(p *v1alpha1.SecurityPolicy) {
		p.Spec.Mode = v1alpha1.ModeAudit
		p.Spec.Images = &v1alpha1.ImageControl{RequireDigest: true}
	})
	env.Create(t, audited)
	if err := env.Admin.Status().Patch(t.Context(), audited, client.RawPatch("application/merge-patch+json", []byte(`{"status":{"violating":7}}`))); err != nil {
		t.Fatal(err)
	}
	const everything = "selects everything"
	tests := []struct {
		name, change string
		want         []string
	}{
		{"violated", `{"spec":{"mode":"Enforce"}}`, []string{"7 portals violated this policy", "kubectl gov impact"}},
		{"violated, and selects everything", `{"spec":{"mode":"Enforce","selector":{"agencies":null}}}`, []string{"7 portals violated this policy", "every portal of the country", "kubectl gov impact"}},
		{"with a statement", `{"spec":{"mode":"Enforce","acceptedImpact":{"portals":7}}}`, nil},
		{"audited", `{"spec":{"images":{"requireDigest":false}}}`, nil},
		{"a label", `{"metadata":{"labels":{"example.org/x":"y"}}}`, nil},
		{everything, "", []string{"every portal of the country", "kubectl gov impact"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			harness.Eventually(t, func() error {
				seen.take()
				var err error
				if tt.name == everything {
					err = c.Create(t.Context(), harness.Policy("warned-new", ""), client.DryRunAll)
				} else {
					err = c.Patch(t.Context(), audited.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(tt.change)), client.DryRunAll)
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
