package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/view"
)

// confirmOwner owns the fields of a confirmation. Delivery tools take back what a
// manager whose name begins with kubectl wrote.
const confirmOwner = "gov-confirm-rights"

// Confirmation is a change of rights that is ready to be confirmed.
type Confirmation struct {
	agency *v1alpha1.Agency
	user   string
}

// PrepareConfirmation reads what waits and who confirms, and writes nothing.
func PrepareConfirmation(ctx context.Context, c client.Client, name string) (Confirmation, error) {
	var a v1alpha1.Agency
	if err := c.Get(ctx, client.ObjectKey{Name: name}, &a); err != nil {
		return Confirmation{}, view.ExplainRead(err, v1alpha1.KindAgency, name)
	}
	p := a.Status.PendingRights
	switch {
	case a.Status.ObservedGeneration != a.Generation:
		return Confirmation{}, errors.New("the operator has not looked at the latest spec of the agency yet: repeat the command in a moment")
	case p == nil || a.Status.Rights == nil:
		return Confirmation{}, fmt.Errorf("no rights in Agency %s wait for a confirmation", name)
	case agency.HashRights(a.UID, *a.Status.Rights, *p) != p.Hash:
		return Confirmation{}, errors.New("the agency's status.pendingRights and status.rights are not what the hash stands for: repeat the command in a moment, and report it if it stays so")
	}
	self, err := whoAmI(ctx, c)
	return Confirmation{agency: &a, user: self.Username}, err
}

// Print shows what is in force and what would be added, by whom it is asked for,
// and the hash.
func (c Confirmation) Print(w io.Writer) {
	a, p := c.agency, c.agency.Status.PendingRights
	t := scopeTable{w}
	say(w, "Agency %s\n", a.Name)
	t.row("display name", string(a.Spec.DisplayName))
	if p.RequestedBy == "" {
		t.fact("asked for by", "not said")
	} else {
		t.row("asked for by", p.RequestedBy)
	}
	for _, part := range []struct {
		label, note string
		rights      v1alpha1.AgencyRights
	}{{"in force", " since " + view.Clock(a.Status.Rights.Since.Time), a.Status.Rights.AgencyRights}, {"is added", " when confirmed", p.Added}} {
		items := agency.RightsList(part.rights)
		t.fact(part.label, fmt.Sprintf("%d%s:", len(items), part.note))
		for i, item := range items {
			t.row(fmt.Sprintf("  %d of %d", i+1, len(items)), item)
		}
	}
	t.fact("is removed", "nothing: what the spec takes away is gone already")
	if cond := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionRightsConfirmed); cond != nil && cond.Status != metav1.ConditionTrue {
		t.row("waits", cond.Message)
	}
	t.row("hash", p.Hash)
}

// refuse says why the user can't confirm; nil when that is possible.
func (c Confirmation) refuse() error {
	p := c.agency.Status.PendingRights
	switch {
	case p.RequestedBy == "":
		return errors.New("nobody is named as asking for these rights: whoever wants them takes them out of the spec and adds them again with spec.rightsChange.requestedBy")
	case object.SamePerson(p.RequestedBy, c.user):
		return fmt.Errorf("you are %s, who asks for these rights: another person must confirm them", c.user)
	default:
		return nil
	}
}

// Write confirms what was shown. It fails if the agency changed since.
func (c Confirmation) Write(ctx context.Context, w client.Client) error {
	a := c.agency.DeepCopy()
	if a.Spec.RightsChange == nil {
		a.Spec.RightsChange = &v1alpha1.RightsChange{}
	}
	a.Spec.RightsChange.ConfirmedBy, a.Spec.RightsChange.ConfirmedHash = c.user, c.agency.Status.PendingRights.Hash
	err := w.Patch(ctx, a, client.MergeFromWithOptions(c.agency, client.MergeFromWithOptimisticLock{}), client.FieldOwner(confirmOwner))
	switch {
	case apierrors.IsConflict(err):
		return errors.New("the agency changed meanwhile, so nothing was confirmed: look at it again and repeat the command")
	case err != nil:
		return fmt.Errorf("confirm the rights in Agency %s: %w", a.Name, err)
	}
	return nil
}

func newConfirmRightsCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags) *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "confirm-rights AGENCY",
		Short: "Confirm, as a second person, who gets rights in an agency with personal data",
		Long: `Confirm-rights shows which rights an agency's spec adds, who asks for them and who has rights now, and writes your name and the hash of
exactly that into spec.rightsChange. Whoever asks can't confirm. What people wrote stands between quotes. A confirmation is for this change and
no other: to withdraw the request, take the names out of the spec. Where Git is the source of agencies, leave confirmedBy and confirmedHash out of it.`,
		Example: "  kubectl gov confirm-rights health\n\n  # from a script, after looking at it\n  kubectl gov confirm-rights health --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(flags)
			if err != nil {
				return err
			}
			p, err := PrepareConfirmation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			p.Print(streams.Out)
			if err := p.refuse(); err != nil {
				return err
			}
			if !yes {
				if err := confirm(streams, fmt.Sprintf("Confirm exactly this, as %s?", p.user)); err != nil {
					return err
				}
			}
			if err := p.Write(cmd.Context(), c); err != nil {
				return err
			}
			say(streams.Out, "confirmed by %s: kubectl gov status -A shows when the operator has given the rights\n", p.user)
			return nil
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	flags.AddFlags(command.Flags())
	return command
}
