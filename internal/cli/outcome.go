package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/view"
)

// exitNoEffect is the exit code for a decision that is stored and that the
// operator has not acted on: a suspension that closes nothing is no success.
const exitNoEffect = 2

// Outcome is what came of a decision that was written.
type Outcome struct {
	// Acted reports whether the operator has acted on the decision. One that closes
	// has been acted on when no policy of the link is left.
	Acted bool
	// Link as it was read last; nil when it is gone.
	Link *v1alpha1.DataSharingLink
}

// Await reads the link until the operator has acted on the decision, for at most
// the time given.
func (p Prepared) Await(ctx context.Context, c client.Reader, within time.Duration) (Outcome, error) {
	var o Outcome
	var last error
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		var l v1alpha1.DataSharingLink
		err := c.Get(ctx, p.Scope.Link, &l)
		switch {
		case apierrors.IsNotFound(err):
			o = Outcome{Acted: true}
		case err == nil:
			o = Outcome{Acted: p.actedOn(&l), Link: &l}
		case ctx.Err() == nil: // What the deadline cut off says nothing.
			last = err
		}
		return o.Acted, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		err = nil
	}
	if err == nil && o.Link == nil && !o.Acted {
		err = errors.Join(errors.New("it could not be read what came of it"), last)
	}
	return o, err
}

// actedOn reports whether a link's status follows the decision.
func (p Prepared) actedOn(l *v1alpha1.DataSharingLink) bool {
	recorded := false
	for i := range l.Status.Decisions {
		// The last entry of an approval is the present one.
		if d := &l.Status.Decisions[i]; d.UID == p.Approval.UID {
			s := p.Approval.Spec
			recorded = d.Decision == string(s.Decision) && d.SpecHash == s.SpecHash && d.Approver == s.Approver && d.Reason == string(s.Reason)
		}
	}
	if p.Approval.Spec.Decision == v1alpha1.DecisionApprove {
		return recorded && l.Status.Phase != v1alpha1.PhaseOpening
	}
	paired := meta.FindStatusCondition(l.Status.Conditions, v1alpha1.ConditionPolicyPaired)
	withdrawn := paired != nil && paired.Reason == v1alpha1.ReasonWithdrawn
	// A record has room for the newest decisions only.
	return withdrawn && (recorded || l.Status.Phase == v1alpha1.PhaseSuspended || l.Status.Phase == v1alpha1.PhaseRejected)
}

// report waits and says what came of the decision. It fails when nothing did.
func (p Prepared) report(ctx context.Context, c client.Reader, within time.Duration, streams genericiooptions.IOStreams) error {
	if within <= 0 {
		say(streams.Out, "not waited for: kubectl gov decisions %s -n %s shows when the operator has acted on it\n", p.Scope.Link.Name, p.Scope.Link.Namespace)
		return nil
	}
	say(streams.ErrOut, "waiting for the operator to act on it, for at most %s\n", within)
	o, err := p.Await(ctx, c, within)
	if err != nil {
		say(streams.ErrOut, "WARNING: the decision is stored, and whether the operator has acted on it is not known: %s\n", err)
		return exitError{code: exitNoEffect}
	}
	if !o.Acted {
		p.warn(streams.ErrOut, o.Link, within)
		return exitError{code: exitNoEffect}
	}
	p.explain(streams.Out, o.Link)
	return nil
}

// warn says that a decision is stored and has no effect.
func (p Prepared) warn(w io.Writer, l *v1alpha1.DataSharingLink, within time.Duration) {
	what := "so it opens nothing yet."
	switch {
	case p.Approval.Spec.Decision == v1alpha1.DecisionApprove:
	case object.Wrote(l.Status.Inventory, "NetworkPolicy"):
		what = fmt.Sprintf("so link %s is still Open and TRAFFIC PASSES until it does. To cut it by hand meanwhile, somebody with break-glass access (system:masters) deletes the network policies that the link's status.inventory names; admission refuses it to others.", p.Scope.Link)
	default:
		what = fmt.Sprintf("so link %s, of which no policy exists now, is not held by it yet.", p.Scope.Link)
	}
	say(w, "WARNING: the decision is stored (DataSharingApproval %s), but the operator has not acted on it within %s, %s\n"+
		"See whether the operator runs: kubectl gov status, and kubectl -n %s get pods. It acts on the decision when it runs again; kubectl gov decisions %s -n %s shows whether it has.\n",
		client.ObjectKeyFromObject(p.Approval), within, what, cmp.Or(p.home, view.OperatorNamespace), p.Scope.Link.Name, p.Scope.Link.Namespace)
}

// explain says how the link stands after the decision.
func (p Prepared) explain(w io.Writer, l *v1alpha1.DataSharingLink) {
	switch {
	case l == nil:
		say(w, "closed: the link is gone\n")
	case p.Approval.Spec.Decision != v1alpha1.DecisionApprove:
		say(w, "closed: no policy of the link exists. Connections that were open before may last until they are closed.\n")
	case l.Status.Phase == v1alpha1.PhaseOpen:
		say(w, "open: both halves of every policy pair exist\n")
	default:
		say(w, "not open: the link is %s\n", l.Status.Phase)
		for _, m := range p.missing(l) {
			say(w, "  - %s\n", m)
		}
	}
}

// missing says what keeps a link shut after an approval, with the command for a
// side that has not approved.
func (p Prepared) missing(l *v1alpha1.DataSharingLink) []string {
	var out []string
	for _, side := range []struct{ condition, words, agency string }{
		{v1alpha1.ConditionProviderApproved, "the provider", string(l.Spec.Provider.Agency)},
		{v1alpha1.ConditionAuthorityApproved, "the authority", p.authority},
	} {
		cond := meta.FindStatusCondition(l.Status.Conditions, side.condition)
		switch {
		case cond == nil || cond.Status == metav1.ConditionTrue:
		case cond.Reason == v1alpha1.ReasonApprovalMissing, cond.Reason == v1alpha1.ReasonApprovalStale:
			out = append(out, fmt.Sprintf("%s %s has not approved it: kubectl gov approve %s -n %s --as-agency %s", side.words, side.agency, l.Name, l.Namespace, side.agency))
		default:
			out = append(out, fmt.Sprintf("%s %s: %s", side.words, side.agency, cond.Message))
		}
	}
	for _, t := range []string{v1alpha1.ConditionReferencesResolved, v1alpha1.ConditionWithinValidity} {
		if cond := meta.FindStatusCondition(l.Status.Conditions, t); cond != nil && cond.Status != metav1.ConditionTrue {
			out = append(out, cond.Message)
		}
	}
	if paired := meta.FindStatusCondition(l.Status.Conditions, v1alpha1.ConditionPolicyPaired); len(out) == 0 && paired != nil && paired.Status != metav1.ConditionTrue {
		out = append(out, paired.Message)
	}
	return out
}

// replaces says what is lost when the decision takes the place of an approval;
// empty when it does not.
func replaces(old *v1alpha1.DataSharingApproval, d Decision) string {
	if old.Spec.Decision != v1alpha1.DecisionApprove || d.Decision == v1alpha1.DecisionApprove {
		return ""
	}
	agency := view.AgencyOf(old.Namespace)
	return fmt.Sprintf("it takes the place of the approval of %s by %s: to open the link again, %s must approve anew (kubectl gov approve %s -n %s --as-agency %s)",
		agency, old.Spec.Approver, agency, d.Link.Name, d.Link.Namespace, agency)
}
