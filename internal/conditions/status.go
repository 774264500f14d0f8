package conditions

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/policy"
)

// Finish adds the kstatus conditions and stores the list.
func Finish(base *v1alpha1.StatusBase, set *Set, progress Progress) {
	ready := set.Get(v1alpha1.ConditionReady)
	switch {
	case ready == nil || ready.Status == "True":
	case progress == Stalled:
		set.True(v1alpha1.ConditionStalled, ready.Reason, ready.Message)
	case progress == Moving:
		set.True(v1alpha1.ConditionReconciling, ready.Reason, ready.Message)
	}
	base.Conditions = set.List()
}

// Progress is what kstatus makes of an object that is not ready.
type Progress int

// An object that is not ready moves towards it, is stalled until it or a standard is
// changed, or rests because nothing is asked of it.
const (
	Moving Progress = iota
	Stalled
	Resting
)

// LookupFailed says that nothing was decided because something could not be
// read. Everything that exists stays as it is.
func LookupFailed(base *v1alpha1.StatusBase, generation int64) {
	set := New(base.Conditions, generation)
	set.Keep()
	set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, LookupFailedMessage)
	Finish(base, set, Moving)
}

// LookupFailedMessage is what a condition says while something can't be read.
const LookupFailedMessage = "What the decision rests on could not be read from the API server; nothing is opened or started until it can. The operator retries."

// ClosedByWhatIsKnown says the same where what may not be open, by what could be
// read, was closed.
func ClosedByWhatIsKnown(base *v1alpha1.StatusBase, generation int64) {
	set := New(base.Conditions, generation)
	set.Keep()
	set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed, LookupFailedMessage+" What may not be open by what could be read is closed.")
	Finish(base, set, Moving)
}

// failure returns the message of a failed write, with what was written. Only the
// API server's own words enter, and only where they are stable.
func failure(err error) string {
	var f *child.Failure
	var st apierrors.APIStatus
	switch {
	case errors.As(err, &f) && apierrors.IsInvalid(f.Err) && errors.As(f.Err, &st):
		return fmt.Sprintf("The API server refuses %s: %s. What exists is left as it is. Correct what is named; the operator retries.", nameOf(f), causes(f, st))
	case apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
		return fmt.Sprintf("The API server refused a write: %v. Correct what it names; the operator retries.", err)
	case errors.As(err, &f):
		return fmt.Sprintf("A write to the API server failed (%s); the operator retries.", nameOf(f))
	default:
		return "A write to the API server failed; the operator retries."
	}
}

func nameOf(f *child.Failure) string {
	if f.Namespace == "" {
		return f.Kind + " " + f.Name
	}
	return f.Kind + " " + f.Namespace + "/" + f.Name
}

// maxCauses is how many fields a message names.
const maxCauses = 4

// causes lists what the API server objects to, by the field of the spec that it
// comes from where that has the same name.
func causes(f *child.Failure, st apierrors.APIStatus) string {
	d := st.Status().Details
	if d == nil || len(d.Causes) == 0 {
		return st.Status().Message
	}
	var out []string
	for _, c := range d.Causes[:min(len(d.Causes), maxCauses)] {
		field := c.Field
		if f.Kind == "Deployment" {
			if inner, ok := strings.CutPrefix(field, "spec.template.spec.containers[0]."); ok {
				field = "spec." + inner
			}
		}
		out = append(out, field+": "+c.Message)
	}
	return strings.Join(out, "; ")
}

// About keeps of a result what concerns the network policies of a portal, or
// else the rest, so that a condition speaks only of what it is about. A failure
// that belongs to no child concerns both.
func About(res child.Result, err error, network bool) (child.Result, error) {
	is := func(kind string) bool { return (kind == "NetworkPolicy") == network }
	foreign := func(key string) bool {
		kind, _, named := strings.Cut(key, "/")
		return named && !is(kind)
	}
	res.Conflicts = slices.DeleteFunc(slices.Clone(res.Conflicts), func(c child.Conflict) bool { return !is(c.Kind) })
	res.Terminating = slices.DeleteFunc(slices.Clone(res.Terminating), foreign)
	res.Withheld = slices.DeleteFunc(slices.Clone(res.Withheld), foreign)
	if len(res.Failures) == 0 {
		return res, err
	}
	res.Failures = slices.DeleteFunc(slices.Clone(res.Failures), func(f *child.Failure) bool { return !is(f.Kind) })
	errs := make([]error, len(res.Failures))
	for i, f := range res.Failures {
		errs[i] = f
	}
	return res, errors.Join(errs...)
}

// Applied sets a condition from the result of an apply; false when it is not
// complete.
func Applied(set *Set, condition string, res child.Result, err error) bool {
	switch {
	case err != nil:
		set.False(condition, v1alpha1.ReasonApplyFailed, failure(err))
	case len(res.Conflicts) > 0:
		set.False(condition, v1alpha1.ReasonConflict, res.Message())
	case len(res.Terminating) > 0:
		set.False(condition, v1alpha1.ReasonProgressing, fmt.Sprintf("%s is being deleted; it is made again when it is gone.", res.Terminating[0]))
	case len(res.Withheld) > 0:
		set.False(condition, v1alpha1.ReasonProgressing, fmt.Sprintf("%s is not made yet: what must come first could not be written, see the other conditions; the operator retries.", res.Withheld[0]))
	default:
		return true
	}
	return false
}

// AgenciesResolved reports whether the agencies that a standard or a platform names
// exist. Ready does not rest on it: those come before agencies.
func AgenciesResolved(set *Set, absent []policy.NamedAgencies) {
	if len(absent) == 0 {
		set.True(v1alpha1.ConditionAgenciesResolved, v1alpha1.ReasonAgenciesResolved, "Every agency that the spec names exists.")
		return
	}
	set.False(v1alpha1.ConditionAgenciesResolved, v1alpha1.ReasonAgencyNotFound, policy.AbsentMessage(absent))
}

// SetBlocker puts a blocker into a condition.
func SetBlocker(set *Set, condition string, b *object.Blocker) {
	set.False(condition, b.Reason, b.Message)
}

// NetworkApplied sets a condition from what became of the network policies alone.
func NetworkApplied(set *Set, condition string, res child.Result, err error) bool {
	res, err = About(res, err, true)
	return Applied(set, condition, res, err)
}

// RestApplied sets a condition from what became of all but the network policies.
func RestApplied(set *Set, condition string, res child.Result, err error) bool {
	res, err = About(res, err, false)
	return Applied(set, condition, res, err)
}

// NetworkInPlace reports whether all network policies are in place.
func NetworkInPlace(res child.Result, err error) bool {
	res, err = About(res, err, true)
	return err == nil && res.Complete()
}
