package view

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
)

// StandardImpact is what one policy of a file would stop, were it applied.
type StandardImpact struct {
	Policy string `json:"policy"`
	// Running are the portals that run and the links that are open, in all.
	Running int `json:"running"`
	Portals int `json:"portals"`
	Links   int `json:"links"`
	// Held is true when the operator would hold the policy as it stands in the file.
	Held bool `json:"held"`
	// Shares are the policies that count against the same bound: they wait too, or
	// stopped something within its window.
	Shares []string `json:"sharesBoundWith,omitempty"`
	// Stops lists the portals and links.
	Stops []securitypolicy.Stop `json:"stops"`
}

// Impact computes what each of the policies would stop of what runs now, with
// the operator's own code. They share the bound.
func Impact(ctx context.Context, reader client.Reader, s settings.Settings, now time.Time, policies []v1alpha1.SecurityPolicy) ([]StandardImpact, error) {
	c, err := ReadState(ctx, platformOnly{reader}, s)
	if err != nil {
		return nil, err
	}
	if err := c.NeedsAll("the impact of a standard"); err != nil {
		return nil, err
	}
	bound := securitypolicy.Bound(s)
	applied := make([]v1alpha1.SecurityPolicy, len(policies))
	for i := range policies {
		applied[i] = c.applied(policies[i])
	}
	var out []StandardImpact
	for i := range applied {
		p := applied[i]
		in, err := securitypolicy.GatherImpact(ctx, c.store, s, now, &p, applied...)
		if err != nil {
			return nil, err
		}
		impact := securitypolicy.Weigh(in, bound, now)
		out = append(out, StandardImpact{Policy: p.Name, Running: impact.Running, Portals: impact.Portals, Links: impact.Links, Stops: append([]securitypolicy.Stop{}, impact.Stops...),
			Shares: slices.Compact(slices.Sorted(slices.Values(slices.Concat(impact.Pending, impact.Recent)))),
			Held:   policy.Pending(&p) && impact.Exceeds(bound) && !policy.Accepts(policy.Statement(&p), impact.Stopped)})
	}
	return out, nil
}

// applied returns a policy of a file as it would be in the cluster before the
// operator looks at it.
func (c *State) applied(p v1alpha1.SecurityPolicy) v1alpha1.SecurityPolicy {
	p.Status, p.Generation = v1alpha1.SecurityPolicyStatus{}, 1
	for i := range c.policies.Items {
		existing := &c.policies.Items[i]
		if existing.Name != p.Name {
			continue
		}
		p.Status, p.Generation = *existing.Status.DeepCopy(), existing.Generation+1
		if spec := policy.SpecInForce(existing); spec != nil {
			p.Status.InForce = spec.DeepCopy()
		}
	}
	return p
}

// platformOnly leaves out what is observed in namespaces: no standard is judged by it.
type platformOnly struct{ client.Reader }

func (r platformOnly) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if kinds.Listed(list, kinds.All()) {
		return r.Reader.List(ctx, list, options...)
	}
	return nil
}

// ReadPolicies reads the SecurityPolicies of files, as the API server would take them.
// What is of another group is left out, and named in skipped.
func ReadPolicies(ctx context.Context, in io.Reader, paths []string) (out []v1alpha1.SecurityPolicy, skipped []string, err error) {
	docs, skipped, err := load(in, paths)
	if err != nil {
		return nil, nil, err
	}
	schemas, err := loadSchemas()
	if err != nil {
		return nil, skipped, fmt.Errorf("load the shipped CRDs: %w", err)
	}
	for _, d := range docs {
		row, err := d.row()
		if err != nil {
			return nil, skipped, err
		}
		if row.Kind != v1alpha1.KindSecurityPolicy {
			continue
		}
		if problems := schemas[v1alpha1.KindSecurityPolicy].admit(ctx, d.object); len(problems) > 0 {
			return nil, skipped, fmt.Errorf("%s: %s: %s", d.source, d.name(), problems[0])
		}
		var p v1alpha1.SecurityPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d.object.Object, &p); err != nil {
			return nil, skipped, fmt.Errorf("%s: %s: %w", d.source, d.name(), err)
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, skipped, fmt.Errorf("no SecurityPolicy in %s: name a file with the policy that you want to apply", strings.Join(paths, ", "))
	}
	return out, skipped, nil
}
