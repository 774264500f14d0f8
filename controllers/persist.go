package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/govplatform/govplatform/internal/child"
)

const (
	// settleTimeout is how long a refusal may last that a new role or definition
	// lifts: the API server learns of them a moment after they are stored.
	settleTimeout = 5 * time.Second
	// attemptTimeout bounds one attempt at a step of the start.
	attemptTimeout = 10 * time.Second
)

// pauses between the attempts at a step of the start: short ones first, since
// most failures are gone at once, and never more than 5 s.
func pauses() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 7, Cap: 5 * time.Second}
}

// persist repeats a step of the start until it is done, fails for a reason that
// does not pass by itself, or the time of the start is over.
func (o *Operator) persist(ctx context.Context, step string, attempt func(context.Context) error) error {
	pause := pauses()
	var refused time.Time
	for {
		bounded, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := attempt(bounded)
		cancel()
		if err == nil {
			return nil
		}
		if settles(err) && refused.IsZero() {
			refused = time.Now()
		}
		if !fleeting(err) && (!settles(err) || time.Since(refused) > settleTimeout) {
			return err
		}
		next := pause.Step()
		left := o.startLeft()
		if left < next {
			return fmt.Errorf("the operator did not start: it could not %s within %s; the last attempt: %w", step, o.StartTimeout, err)
		}
		ctrl.Log.WithName("govplatform").Info("A step of the start failed and is tried again", "step", step, "pause", next.String(), "error", err.Error())
		select {
		case <-ctx.Done():
			return fmt.Errorf("the operator was stopped during its start, before it could %s; the last attempt: %w", step, err)
		case <-time.After(next):
		}
	}
}

// startLeft is how much of the time of the start is left.
func (o *Operator) startLeft() time.Duration { return time.Until(o.began.Add(o.StartTimeout)) }

// fleeting reports whether a failure is one of the connection or of the API
// server itself, and may be gone at any moment.
func fleeting(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
	}
	var broken *url.Error
	return errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

// settles reports whether a failure may be that of an API server that does not
// know yet what was stored a moment ago.
func settles(err error) bool {
	var lacking *lackingError
	return errors.As(err, &lacking) || (apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || meta.IsNoMatchError(err)) && !byAdmission(err)
}

// mapper returns a mapper that knows the kinds of the children: the caches ask
// for them when they are made, and give up at the first failure.
func (o *Operator) mapper(ctx context.Context) func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	return func(cfg *rest.Config, c *http.Client) (meta.RESTMapper, error) {
		m, err := apiutil.NewDynamicRESTMapper(cfg, c)
		if err != nil {
			return nil, fmt.Errorf("create mapper: %w", err)
		}
		var kinds []schema.GroupVersionKind
		for _, row := range child.Rows() {
			kinds = append(kinds, row.GVK)
		}
		return m, o.discover(ctx, m, kinds)
	}
}

// discover makes a mapper know some kinds.
func (o *Operator) discover(ctx context.Context, m meta.RESTMapper, kinds []schema.GroupVersionKind) error {
	return o.persist(ctx, "discover the kinds that the API server serves", func(context.Context) error {
		for _, k := range kinds {
			if _, err := m.RESTMapping(k.GroupKind(), k.Version); err != nil {
				return fmt.Errorf("discover %s: %w", k.Kind, err)
			}
		}
		return nil
	})
}
