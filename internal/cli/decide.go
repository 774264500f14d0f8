package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	texts "github.com/govplatform/govplatform/internal/text"
	"github.com/govplatform/govplatform/internal/view"
)

// Decision is what somebody decides about a link.
type Decision struct {
	// Link that is decided about.
	Link client.ObjectKey
	// Decision that is taken.
	Decision v1alpha1.Decision
	// Reason for both sides to read; required unless the decision is Approve.
	Reason string
	// Namespace in which the approval is written: the provider's or the
	// authority's. Empty for the one in which the user may write.
	Namespace string
	// Settings of the installation.
	Settings settings.Settings
	// Operator is the operator's namespace, for messages; govplatform-system when it is
	// empty.
	Operator string
}

// Prepared is a decision that is ready to be written.
type Prepared struct {
	Scope    view.ScopeShown
	Approval *v1alpha1.DataSharingApproval
	exists   bool
	// authority is the agency of the authority, and home the operator's namespace.
	authority, home string
}

// Prepare reads what the decision is about and who decides, and writes nothing.
func Prepare(ctx context.Context, c client.Client, d Decision) (Prepared, error) {
	if d.Decision != v1alpha1.DecisionApprove && texts.Normalise(d.Reason) == "" {
		return Prepared{}, errors.New("--reason is required: whoever rejects or suspends says why (Decree 47/2020, article 35)")
	}
	var link v1alpha1.DataSharingLink
	if err := c.Get(ctx, d.Link, &link); err != nil {
		return Prepared{}, view.ExplainRead(err, v1alpha1.KindDataSharingLink, d.Link.String())
	}
	scope, err := view.ReadScope(ctx, c, d.Decision, d.Settings, &link)
	if err != nil {
		return Prepared{}, err
	}
	namespace, err := approvalNamespace(ctx, c, d, &link)
	if err != nil {
		return Prepared{}, err
	}
	self, err := whoAmI(ctx, c)
	if err != nil {
		return Prepared{}, err
	}
	// Other approvals of the side may outweigh this one.
	var others v1alpha1.DataSharingApprovalList
	if err := c.List(ctx, &others, client.InNamespace(namespace)); err != nil {
		return Prepared{}, fmt.Errorf("list approvals in %s: %w", namespace, err)
	}
	if veto := earlierVeto(&link, names.Namespace(d.Settings.AuthorityAgency), ""); veto != nil && d.Decision == v1alpha1.DecisionApprove {
		scope.Notes = append(scope.Notes, fmt.Sprintf("%s, when %s was the authority, and what closes beats what opens: %s", veto.said(), view.AgencyOf(veto.Namespace), veto.lifted()))
	}
	p := Prepared{Scope: scope, authority: d.Settings.AuthorityAgency, home: d.Operator,
		Approval: &v1alpha1.DataSharingApproval{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: names.Link(link.Namespace, link.Name)}}}
	for i := range others.Items {
		o := &others.Items[i]
		switch {
		case o.Name == p.Approval.Name:
			p.Approval, p.exists = o.DeepCopy(), true
			if note := replaces(o, d); note != "" {
				p.Scope.Notes = append(p.Scope.Notes, note)
			}
		case string(o.Spec.LinkRef.Namespace) == link.Namespace && string(o.Spec.LinkRef.Name) == link.Name && o.Spec.Decision != v1alpha1.DecisionApprove:
			p.Scope.Notes = append(p.Scope.Notes, fmt.Sprintf("%s/%s says %s as well, and what closes beats what opens: whoever gave it deletes it if it no longer holds", o.Namespace, o.Name, o.Spec.Decision))
		}
	}
	p.Approval.Spec = v1alpha1.DataSharingApprovalSpec{
		LinkRef:  v1alpha1.LinkReference{Namespace: v1alpha1.ObjectName(link.Namespace), Name: v1alpha1.ObjectName(link.Name)},
		SpecHash: scope.Hash, Decision: d.Decision, Reason: v1alpha1.Text(texts.Normalise(d.Reason)), Approver: self.Username,
	}
	return p, nil
}

// Write creates or updates the approval.
func (p Prepared) Write(ctx context.Context, c client.Client) error {
	var err error
	if p.exists {
		// The resource version makes it fail if somebody else decided meanwhile.
		err = c.Update(ctx, p.Approval)
	} else {
		err = c.Create(ctx, p.Approval)
	}
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return errors.New("somebody else decided about this link meanwhile: look at it again and repeat the command")
	case err != nil:
		return fmt.Errorf("write the approval: %w", err)
	}
	return nil
}

// whoAmI asks the API server for whom it takes the caller.
func whoAmI(ctx context.Context, c client.Client) (authenticationv1.UserInfo, error) {
	var self authenticationv1.SelfSubjectReview
	if err := c.Create(ctx, &self); err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("ask the API server who you are: %w", err)
	}
	return self.Status.UserInfo, nil
}

// approvalNamespace finds the side in whose name the user may decide.
func approvalNamespace(ctx context.Context, c client.Client, d Decision, link *v1alpha1.DataSharingLink) (string, error) {
	provider, authority := names.Namespace(string(link.Spec.Provider.Agency)), names.Namespace(d.Settings.AuthorityAgency)
	if d.Namespace != "" {
		if d.Namespace != provider && d.Namespace != authority {
			if veto := earlierVeto(link, authority, d.Namespace); veto != nil {
				return "", fmt.Errorf("agency %s is no longer the authority, which is %s, so it decides nothing anew; what it stopped stands (%s), and %s", view.AgencyOf(d.Namespace), view.AgencyOf(authority), veto.said(), veto.lifted())
			}
			return "", fmt.Errorf("an approval in %s decides nothing about this link: its provider is %s and the authority is %s", d.Namespace, provider, authority)
		}
		return d.Namespace, nil
	}
	for _, ns := range []string{provider, authority} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: ns, Verb: "create", Group: v1alpha1.GroupVersion.Group, Resource: kinds.DataSharingApproval.Plural,
		}}}
		if err := c.Create(ctx, review); err != nil {
			return "", fmt.Errorf("ask the API server what you may do: %w", err)
		}
		if review.Status.Allowed {
			return ns, nil
		}
	}
	return "", fmt.Errorf("you may decide neither for the provider (%s) nor for the authority (%s): membership in adminGroups of one of the two gives the right", provider, authority)
}

func newDecideCommand(streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, decision v1alpha1.Decision) *cobra.Command {
	words := map[v1alpha1.Decision][3]string{
		v1alpha1.DecisionApprove: {"approve", "Approve exactly the present scope of a data-sharing link", "approved"},
		v1alpha1.DecisionReject:  {"reject", "Reject the present scope of a data-sharing link, with a reason", "rejected"},
		v1alpha1.DecisionSuspend: {"suspend", "Close a data-sharing link at once, whatever its scope, with a reason", "suspended"},
	}[decision]
	o := decideOptions{decision: decision}
	command := &cobra.Command{
		Use:   words[0] + " LINK -n CONSUMER-NAMESPACE",
		Short: words[1],
		Long: words[1] + `.

The exact scope is shown first: both ends, operations, validity, rate limit, route, classification, who decided so far and the hash
that the decision is bound to. What people wrote stands between quotes. The decision is a DataSharingApproval in the provider's namespace or in the authority's, in your name. A later one
of the same side replaces it; to take it back, delete the object, which for a rejection or a suspension only whoever gave it can.

Then it waits until the operator has acted, and says what came of it. It ends with 0 when the operator has, with 2 when the decision is stored
and the operator has not acted on it, and with 1 when nothing was written.`,
		Example: fmt.Sprintf("  kubectl gov %s residents-for-tax -n agency-finance%s\n\n  # in the name of the authority, from a script\n  kubectl gov %s residents-for-tax -n agency-finance%s --as-agency mic --yes",
			words[0], reasonExample(decision), words[0], reasonExample(decision)),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), streams, flags, args[0], words[2])
		},
	}
	command.Flags().StringVar(&o.asAgency, "as-agency", "", "the provider's or the authority's agency, in whose name you decide; without it the one for which you may")
	command.Flags().StringVar(&o.approvalNS, "approval-namespace", "", "the same as a namespace")
	command.Flags().StringVar(&o.reason, "reason", "", "why, for both sides to read; required to reject or suspend")
	addInstallation(command, &o.at)
	command.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	command.Flags().DurationVar(&o.wait, "wait", 10*time.Second, "how long to wait for the operator to act on it; 0 to not wait")
	command.MarkFlagsMutuallyExclusive("as-agency", "approval-namespace")
	flags.AddFlags(command.Flags())
	addLinkCompletion(command, flags)
	return command
}

// decideOptions are the flags of a decision.
type decideOptions struct {
	decision                     v1alpha1.Decision
	asAgency, approvalNS, reason string
	at                           view.Installation
	yes                          bool
	wait                         time.Duration
}

// run shows the scope, asks, decides, and says what came of it.
func (o decideOptions) run(ctx context.Context, streams genericiooptions.IOStreams, flags *genericclioptions.ConfigFlags, name, done string) error {
	key, err := linkKey(flags, name)
	if err != nil {
		return err
	}
	c, err := newClient(flags)
	if err != nil {
		return err
	}
	s, err := liveSettings(ctx, c, o.at, streams.ErrOut)
	if err != nil {
		return err
	}
	if o.asAgency != "" {
		o.approvalNS = names.Namespace(o.asAgency)
	}
	p, err := Prepare(ctx, c, Decision{Link: key, Decision: o.decision, Reason: o.reason, Namespace: o.approvalNS, Settings: s, Operator: o.at.Namespace})
	if err != nil {
		return err
	}
	printScope(streams.Out, p.Scope)
	if !o.yes {
		if err := confirm(streams, fmt.Sprintf("%s exactly this, as %s for %s?", o.decision, p.Approval.Spec.Approver, p.Approval.Namespace)); err != nil {
			return err
		}
	}
	if err := p.Write(ctx, c); err != nil {
		return err
	}
	say(streams.Out, "%s by %s: DataSharingApproval %s/%s\n", done, p.Approval.Spec.Approver, p.Approval.Namespace, p.Approval.Name)
	return p.report(ctx, c, o.wait, streams)
}

func reasonExample(d v1alpha1.Decision) string {
	if d == v1alpha1.DecisionApprove {
		return ""
	}
	return ` --reason "the purpose needs no such data"`
}

// linkKey takes NAME with the namespace of the flags, or NAMESPACE/NAME.
func linkKey(flags *genericclioptions.ConfigFlags, arg string) (client.ObjectKey, error) {
	if namespace, name, ok := strings.Cut(arg, "/"); ok {
		return client.ObjectKey{Namespace: namespace, Name: name}, nil
	}
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	return client.ObjectKey{Namespace: namespace, Name: arg}, err
}

func confirm(streams genericiooptions.IOStreams, question string) error {
	file, ok := streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return errors.New("nothing was written: this is no terminal, so confirm what is shown with --yes")
	}
	say(streams.Out, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(streams.In).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was written")
	}
	return nil
}
