package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	texts "github.com/govplatform/govplatform/internal/text"
)

// What the scope of a decision is to the link's present one.
const (
	aboutPresent = "Present"
	aboutAnother = "Another"
	aboutAny     = "Any"
)

// DecisionRow is one entry of a link's record.
type DecisionRow struct {
	v1alpha1.LinkDecision `json:",inline"`
	// Deleted is the decision that an entry Revoked is about. The approver is who
	// had given that; who deleted it is not on the record.
	Deleted string `json:"deleted,omitempty"`
	// About is Present when it was about the link's present scope, Another, or Any.
	About string `json:"about"`
}

// Decisions reads who decided what about a link and when, the oldest first.
func Decisions(ctx context.Context, reader client.Reader, link client.ObjectKey) ([]DecisionRow, error) {
	var l v1alpha1.DataSharingLink
	if err := reader.Get(ctx, link, &l); err != nil {
		return nil, explainRead(err, v1alpha1.KindDataSharingLink, link.String())
	}
	rows := []DecisionRow{}
	for i, d := range l.Status.Decisions {
		row := DecisionRow{LinkDecision: d, About: about(d, l.Status.SpecHash)}
		if d.Decision == string(v1alpha1.DecisionRevoked) {
			row.Deleted = revoked(l.Status.Decisions, i)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// about compares the scope of a decision with the present one.
func about(d v1alpha1.LinkDecision, present string) string {
	switch d.SpecHash {
	case "":
		return aboutAny
	case present:
		return aboutPresent
	default:
		return aboutAnother
	}
}

// revoked is the decision that the entry Revoked with the index i is about: the
// one before it of the same object.
func revoked(all []v1alpha1.LinkDecision, i int) string {
	for _, d := range slices.Backward(all[:i]) {
		if d.UID == all[i].UID && d.Decision != string(v1alpha1.DecisionRevoked) {
			return d.Decision
		}
	}
	return "decision"
}

// PrintDecisions writes them for people.
func PrintDecisions(w io.Writer, rows []DecisionRow, color bool) error {
	if len(rows) == 0 {
		say(w, "Nobody has decided about it, or the operator has not looked at a decision yet.\n")
		return nil
	}
	t := table{header: []string{"WHEN", "SIDE", "WHO", "DECISION", "SCOPE", "HASH", "REASON"}}
	deleted := false
	for _, r := range rows {
		who, decision, reason := r.Approver, r.Decision, r.Reason
		if r.Deleted != "" {
			who, decision, reason = "-", fmt.Sprintf("the %s of %s was deleted", texts.Line(r.Deleted), texts.Line(r.Approver)), ""
			deleted = true
		}
		t.add(text(clock(r.Time.Time)), text(string(r.Side)), text(who), text(decision), text(r.About), text(cmp.Or(shortHash(r.SpecHash), "-")), text(reason))
	}
	err := t.write(w, color)
	if deleted {
		say(w, "note: who deleted a decision is not on the record; the API server's audit log has it\n")
	}
	return err
}

// shortHash is as much of a hash as a table has room for.
func shortHash(hash string) string {
	digits := strings.TrimPrefix(hash, "sha256:")
	return strings.ToValidUTF8(digits[:min(12, len(digits))], "")
}

func newDecisionsCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use:   "decisions LINK -n CONSUMER-NAMESPACE",
		Short: "Show who decided what about a data-sharing link, and when",
		Long: `Decisions shows the record of a link, the oldest first. SCOPE is Present for a decision about exactly what the link asks for now, Another for
one about what it asked for before, and Any for a suspension without a scope. The whole hashes are in -o json.`,
		Example: "  kubectl gov decisions residents-for-tax -n agency-finance\n  kubectl gov decisions residents-for-tax -n agency-finance -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := linkKey(flags, args[0])
			if err != nil {
				return err
			}
			reader, err := newClient(flags)
			if err != nil {
				return err
			}
			rows, err := Decisions(cmd.Context(), reader, key)
			if err != nil {
				return err
			}
			return writeAs(streams.Out, output, rows, func() error { return PrintDecisions(streams.Out, rows, ColorWanted(streams.Out)) })
		},
	}
	addOutput(command, &output, "a table")
	flags.AddFlags(command.Flags())
	addLinkCompletion(command, flags)
	return command
}
