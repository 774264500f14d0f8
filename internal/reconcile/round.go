package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/conditions"
)

// Kind is what every kind brings to the loop. In is everything that a decision
// rests on, Out is what was decided. What a kind needs beyond it stands in the
// interfaces below, which it may have or not.
type Kind[T Object, In, Out any] interface {
	// Gather reads what decides. A read that fails decides nothing; what could be read
	// comes with the error.
	Gather(ctx context.Context, obj T) (In, error)
	// Decide is pure.
	Decide(in In) Out
	// Status says in the object's status what was decided and what became of it.
	Status(in In, out Out, res child.Result, err error)
}

// Teardown is a kind whose objects take what they have with them.
type Teardown[T Object] interface {
	// Teardown is the whole round of an object that is being deleted.
	Teardown(ctx context.Context, obj T) (ctrl.Result, error)
}

// Clear is a kind of which an earlier object of the same name may have left something
// behind that is open or runs. What restricts is no part of it: it stays until what
// follows is known.
type Clear[T Object] interface {
	// Clear removes that. While it can't, nothing is added to it, and what closes goes on.
	// It asks to be called again after a while, 0 for not.
	Clear(ctx context.Context, obj T) (time.Duration, error)
}

// Fail is a kind that does, or says, more than that a lookup failed.
type Fail[T Object, In any] interface {
	// Failed is the rest of a round in which a read failed: it may close, and say so.
	Failed(ctx context.Context, obj T, in In, err error) error
}

// Detour is a kind whose objects may go another way, by what was read.
type Detour[T Object, In any] interface {
	// Detour reports whether the round is over with it.
	Detour(ctx context.Context, obj T, in *In) (over bool, result ctrl.Result, err error)
}

// Look is a kind that asks the API server itself before it does what it decided.
type Look[In, Out any] interface {
	// Look decides again where what it found changes the decision, and asks to be called
	// again after a while, 0 for not. What it could not ask is an error, with a decision
	// that does not need the answer, or is left in the input as what is unread.
	Look(ctx context.Context, in *In, out Out) (Out, time.Duration, error)
}

// Partly is a kind that decides by what can be read while something else can't: such
// a decision only closes.
type Partly[T Object, In, Out any] interface {
	// Unread returns why not everything could be read, nil when it could.
	Unread(in In) error
	// Close closes what must not be open by what is known, and says so.
	Close(ctx context.Context, obj T, in In, out Out) error
}

// Write is a kind that emits objects.
type Write[T Object, In, Out any] interface {
	Write(ctx context.Context, obj T, in In, out Out) (child.Result, error)
}

// Timed is a kind for which time decides too.
type Timed[In, Out any] interface {
	// Again returns when to look again, 0 for not before an event.
	Again(in In, out Out, res child.Result) time.Duration
}

// Round is the round of a kind: what was left behind is cleared, then everything is
// read, decided, done and said, in that order and once.
func Round[T Object, In, Out any](k Kind[T, In, Out]) func(context.Context, T) (ctrl.Result, error) {
	return round[T, In, Out]{k}.run
}

type round[T Object, In, Out any] struct{ Kind[T, In, Out] }

func (r round[T, In, Out]) run(ctx context.Context, obj T) (ctrl.Result, error) {
	if k, ok := r.Kind.(Teardown[T]); ok && obj.GetDeletionTimestamp() != nil {
		return k.Teardown(ctx, obj) //nolint:wrapcheck // the kind names what failed
	}
	var again time.Duration
	var clearErr error
	if k, ok := r.Kind.(Clear[T]); ok {
		if again, clearErr = k.Clear(ctx, obj); clearErr != nil {
			clearErr = fmt.Errorf("clear up behind an earlier object: %w", clearErr)
			ctx = apply.WithdrawOnly(ctx)
		}
	}
	in, err := r.Gather(ctx, obj)
	if err != nil {
		return ctrl.Result{}, errors.Join(clearErr, r.failed(ctx, obj, in, err), fmt.Errorf("gather: %w", err))
	}
	if k, ok := r.Kind.(Detour[T, In]); ok {
		if over, result, err := k.Detour(ctx, obj, &in); over || err != nil {
			result.RequeueAfter = Sooner(result.RequeueAfter, again)
			return result, errors.Join(clearErr, err)
		}
	}
	result, err := r.decided(ctx, obj, in)
	result.RequeueAfter = Sooner(result.RequeueAfter, again)
	return result, errors.Join(clearErr, err)
}

// failed says that nothing was decided, unless the kind does more.
func (r round[T, In, Out]) failed(ctx context.Context, obj T, in In, err error) error {
	if k, ok := r.Kind.(Fail[T, In]); ok {
		return k.Failed(ctx, obj, in, err) //nolint:wrapcheck // the kind names what failed
	}
	conditions.LookupFailed(obj.GetStatusBase(), obj.GetGeneration())
	return nil
}

// decided decides, does it and says so.
func (r round[T, In, Out]) decided(ctx context.Context, obj T, in In) (ctrl.Result, error) {
	out := r.Decide(in)
	var again time.Duration
	var lookErr error
	if k, ok := r.Kind.(Look[In, Out]); ok {
		out, again, lookErr = k.Look(ctx, &in, out)
	}
	if k, ok := r.Kind.(Partly[T, In, Out]); ok {
		if unread := k.Unread(in); unread != nil {
			return ctrl.Result{}, errors.Join(k.Close(ctx, obj, in, out), lookErr, fmt.Errorf("gather: %w", unread))
		}
	}
	var res child.Result
	var err error
	if k, ok := r.Kind.(Write[T, In, Out]); ok {
		res, err = k.Write(ctx, obj, in, out)
	}
	r.Status(in, out, res, err)
	again = Sooner(res.RetryAfter(), again)
	if k, ok := r.Kind.(Timed[In, Out]); ok {
		again = Sooner(again, k.Again(in, out, res))
	}
	return ctrl.Result{RequeueAfter: again}, errors.Join(err, lookErr)
}
