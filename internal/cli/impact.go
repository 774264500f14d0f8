package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/desired"
	"github.com/govplatform/govplatform/internal/gather"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/policy"
	"github.com/govplatform/govplatform/internal/settings"
	texts "github.com/govplatform/govplatform/internal/text"
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
	Stops []desired.Stop `json:"stops"`
}

// Impact computes what each of the policies would stop of what runs now, with
// the operator's own code. They share the bound.
func Impact(ctx context.Context, reader client.Reader, s settings.Settings, now time.Time, policies []v1alpha1.SecurityPolicy) ([]StandardImpact, error) {
	c, err := readCountry(ctx, platformOnly{reader}, s)
	if err != nil {
		return nil, err
	}
	if err := c.needsAll("the impact of a standard"); err != nil {
		return nil, err
	}
	bound := gather.Bound(s)
	applied := make([]v1alpha1.SecurityPolicy, len(policies))
	for i := range policies {
		applied[i] = c.applied(policies[i])
	}
	var out []StandardImpact
	for i := range applied {
		p := applied[i]
		in, err := gather.Impact(ctx, c.store, s, now, &p, applied...)
		if err != nil {
			return nil, err
		}
		impact := desired.Weigh(in, bound, now)
		out = append(out, StandardImpact{Policy: p.Name, Running: impact.Running, Portals: impact.Portals, Links: impact.Links, Stops: append([]desired.Stop{}, impact.Stops...),
			Shares: slices.Compact(slices.Sorted(slices.Values(slices.Concat(impact.Pending, impact.Recent)))),
			Held:   policy.Pending(&p) && impact.Exceeds(bound) && !policy.Accepts(policy.Statement(&p), impact.Stopped)})
	}
	return out, nil
}

// applied returns a policy of a file as it would be in the cluster before the
// operator looks at it.
func (c *platformState) applied(p v1alpha1.SecurityPolicy) v1alpha1.SecurityPolicy {
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

// loadPolicies reads the SecurityPolicies of files, as the API server would take them.
// What is of another group is left out, and named in notes.
func loadPolicies(ctx context.Context, in io.Reader, paths []string, notes io.Writer) ([]v1alpha1.SecurityPolicy, error) {
	docs, skipped, err := load(in, paths)
	if err != nil {
		return nil, err
	}
	for _, s := range skipped {
		say(notes, "note: %s\n", s)
	}
	schemas, err := loadSchemas()
	if err != nil {
		return nil, fmt.Errorf("load the shipped CRDs: %w", err)
	}
	var out []v1alpha1.SecurityPolicy
	for _, d := range docs {
		row, err := d.row()
		if err != nil {
			return nil, err
		}
		if row.Kind != v1alpha1.KindSecurityPolicy {
			continue
		}
		if problems := schemas[v1alpha1.KindSecurityPolicy].admit(ctx, d.object); len(problems) > 0 {
			return nil, fmt.Errorf("%s: %s: %s", d.source, d.name(), problems[0])
		}
		var p v1alpha1.SecurityPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(d.object.Object, &p); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", d.source, d.name(), err)
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no SecurityPolicy in %s: name a file with the policy that you want to apply", strings.Join(paths, ", "))
	}
	return out, nil
}

// lineWidth is how wide the texts of impact and violations are at most.
const lineWidth = 80

// clipLine makes one line of a text, of at most so many columns once it is printed.
func clipLine(s string, width int) string {
	s = strings.Join(strings.Fields(s), " ")
	if columns(texts.Printable(s)) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && columns(texts.Printable(string(runes)))+len("...") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "..."
}

// printFinding writes one portal or link and what is wrong with it.
func printFinding(w io.Writer, kind, what, control, found, wanted string) {
	say(w, "%-8s%s\n", kind, clipLine(what+" "+control, lineWidth-8))
	say(w, "    found   %s\n", clipLine(found, lineWidth-12))
	say(w, "    wanted  %s\n", clipLine(wanted, lineWidth-12))
}

// PrintImpact writes an impact for people.
func PrintImpact(w io.Writer, i StandardImpact, b settings.ImpactBound) {
	if i.Portals+i.Links == 0 {
		say(w, "SecurityPolicy %s stops nothing of the %d that run.\n", i.Policy, i.Running)
		return
	}
	say(w, "SecurityPolicy %s stops %d portals and %d links of the %d that run:\n", i.Policy, i.Portals, i.Links, i.Running)
	printStops(w, i.Stops)
	if !i.Held {
		say(w, "It takes effect at once.\n")
		return
	}
	say(w, "It is held (bound: %d, or %d %% from two on), until these comply or you set\n", b.Portals, b.Percent)
	say(w, "  acceptedImpact: {portals: %d, links: %d}\n", i.Portals, i.Links)
	if len(i.Shares) > 0 {
		say(w, "%s\n", clipLine("It shares the bound with "+strings.Join(i.Shares, ", "), lineWidth))
	}
}

func printStops(w io.Writer, stops []desired.Stop) {
	for _, s := range stops {
		kind := map[string]string{v1alpha1.KindAgencyPortal: "portal", v1alpha1.KindDataSharingLink: "link"}[s.Kind]
		printFinding(w, kind, s.Agency+"/"+s.Name, s.Control, s.Found, s.Wanted)
	}
}

func newImpactCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var files []string
	var output, newSettings string
	var at installation
	command := &cobra.Command{
		Use:   "impact -f POLICY.yaml",
		Short: "Show what a standard, or new settings, would stop that runs, before they are applied",
		Long: `Impact takes SecurityPolicies from files, applies them to nothing, and shows which running portals and open links of the cluster
would stop, with the control, the value found and the value wanted. It uses the operator's own code. What several policies stop
counts against one bound, with what waits in the cluster and what took effect there lately. With --new-settings it takes a file with the
operator's settings instead, and shows which portals and links these would touch when the operator starts with them. It ends with 0 when nothing would stop, 1 when something would, 2 on an error. It writes nothing.`,
		Example: "  kubectl gov impact -f level-3.yaml\n\n  # what other settings of the operator would touch\n  kubectl gov impact --new-settings config.yaml\n\n  # how many, for a script\n  kubectl gov impact -f level-3.yaml -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if newSettings != "" {
				return settingsImpact(cmd.Context(), streams, flags, settingsChange{files: files, former: at, newer: newSettings, output: output})
			}
			if len(files) == 0 {
				return exitError{exitFailed, "-f is required: name a file with the policy that you want to apply"}
			}
			policies, err := loadPolicies(cmd.Context(), streams.In, files, streams.ErrOut)
			if err != nil {
				return asFailure(err)
			}
			reader, err := newClient(flags)
			if err != nil {
				return asFailure(err)
			}
			s, err := liveSettings(cmd.Context(), reader, at, streams.ErrOut)
			if err != nil {
				return asFailure(err)
			}
			impacts, err := Impact(cmd.Context(), reader, s, time.Now(), policies)
			if err != nil {
				return asFailure(err)
			}
			if err := writeAs(streams.Out, output, impacts, func() error {
				for _, i := range impacts {
					PrintImpact(streams.Out, i, s.Bound())
				}
				return nil
			}); err != nil {
				return asFailure(err)
			}
			for _, i := range impacts {
				if i.Portals+i.Links > 0 {
					return exitError{code: exitShut}
				}
			}
			return nil
		},
	}
	command.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, folder or - with the policies")
	addOutput(command, &output, "text")
	at.addFlags(command)
	command.Flags().StringVar(&newSettings, "new-settings", "", "file with settings that the operator would start with")
	flags.AddFlags(command.Flags())
	return command
}
