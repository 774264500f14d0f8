// Package status turns inputs, findings and results into conditions. It is pure.
package status

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/conditions"
	"github.com/govplatform/govplatform/internal/desired"
)

// finish adds the kstatus conditions and stores the list.
func finish(base *v1alpha1.StatusBase, set *conditions.Set, progress progress) {
	ready := set.Get(v1alpha1.ConditionReady)
	switch {
	case ready == nil || ready.Status == "True":
	case progress == stalled:
		set.True(v1alpha1.ConditionStalled, ready.Reason, ready.Message)
	case progress == moving:
		set.True(v1alpha1.ConditionReconciling, ready.Reason, ready.Message)
	}
	base.Conditions = set.List()
}

type progress int

const (
	moving progress = iota
	stalled
	resting
)

// LookupFailed says that nothing was decided because something could not be
// read. Everything that exists stays as it is.
func LookupFailed(base *v1alpha1.StatusBase, generation int64) {
	set := conditions.New(base.Conditions, generation)
	set.Keep()
	set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonLookupFailed,
		"What the decision rests on could not be read from the API server; nothing is changed until it can. The operator retries.")
	finish(base, set, moving)
}

// failure returns the message of a failed write. Only the API server's own
// words enter, and only where they are stable.
func failure(err error) string {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return fmt.Sprintf("The API server refused a write: %v. Correct what it names; the operator retries.", err)
	}
	return "A write to the API server failed; the operator retries."
}

// applied sets a condition from the result of an apply; false when it is not
// complete.
func applied(set *conditions.Set, condition string, res apply.Result, err error) bool {
	switch {
	case err != nil:
		set.False(condition, v1alpha1.ReasonApplyFailed, failure(err))
	case len(res.Conflicts) > 0:
		set.False(condition, v1alpha1.ReasonConflict, res.Message())
	case len(res.Terminating) > 0:
		set.False(condition, v1alpha1.ReasonProgressing, fmt.Sprintf("%s is being deleted; it is made again when it is gone.", res.Terminating[0]))
	default:
		return true
	}
	return false
}

// failedKind finds the kind of the object that a write failed for.
var failedKind = regexp.MustCompile(`(?:^|: )(?:apply|create|update|remove|delete|replace) ([A-Z][A-Za-z]+)/`)

// about keeps of a result what concerns the network policies of a portal, or
// else the rest. A failure of which the object is not known concerns both.
func about(res apply.Result, err error, network bool) (apply.Result, error) {
	is := func(kind string) bool { return (kind == "NetworkPolicy") == network }
	res.Conflicts = slices.DeleteFunc(slices.Clone(res.Conflicts), func(c apply.Conflict) bool { return !is(c.Kind) })
	res.Terminating = slices.DeleteFunc(slices.Clone(res.Terminating), func(t string) bool {
		kind, _, named := strings.Cut(t, "/")
		return named && !is(kind)
	})
	if err != nil {
		if m := failedKind.FindStringSubmatch(err.Error()); m != nil && !is(m[1]) {
			err = nil
		}
	}
	return res, err
}

// setBlocker puts a blocker into a condition.
func setBlocker(set *conditions.Set, condition string, b *desired.Blocker) {
	set.False(condition, b.Reason, b.Message)
}

func networkApplied(set *conditions.Set, condition string, res apply.Result, err error) bool {
	res, err = about(res, err, true)
	return applied(set, condition, res, err)
}

func restApplied(set *conditions.Set, condition string, res apply.Result, err error) bool {
	res, err = about(res, err, false)
	return applied(set, condition, res, err)
}

func networkInPlace(res apply.Result, err error) bool {
	res, err = about(res, err, true)
	return err == nil && res.Complete()
}
