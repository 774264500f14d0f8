package process

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govplatform/govplatform/test/harness"
)

// blocked holds back requests until it is opened or the request is given up.
type blocked struct {
	next  http.RoundTripper
	match func(*http.Request) bool
	open  chan struct{}
}

func (b *blocked) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.match(req) {
		select {
		case <-b.open:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	return b.next.RoundTrip(req)
}

// reads returns a transport option that holds back what reads a resource.
func reads(resource string, open chan struct{}) func(harness.Transport) harness.Transport {
	return func(next harness.Transport) harness.Transport {
		return &blocked{next: next, open: open, match: func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/"+resource)
		}}
	}
}

// TestStopBeforeCachesAreFilled stops an operator that waits for the API server.
// A Start that only cancelled the manager would spin for ever; not tried.
func TestStopBeforeCachesAreFilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	_, err := env.StartOperator(ctx, harness.OperatorOptions{Transport: reads("deployments", make(chan struct{}))})
	if err == nil || !strings.Contains(err.Error(), "Deployment") || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("ended with %v, want a reason that names Deployment", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// TestStartHasADeadline starts an operator that never gets one of its caches.
func TestStartHasADeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), harness.Timeout)
	defer cancel()
	_, err := env.StartOperator(ctx, harness.OperatorOptions{StartTimeout: 3 * time.Second, Transport: reads("limitranges", make(chan struct{}))})
	if ctx.Err() != nil {
		t.Fatal("the operator did not end by itself")
	}
	if err == nil || !strings.Contains(err.Error(), "LimitRange") || !strings.Contains(err.Error(), "within 3s") {
		t.Errorf("ended with %v, want the deadline and LimitRange", err)
	}
}

// TestReadyWhenReady looks at the readiness while a cache is held back and after.
func TestReadyWhenReady(t *testing.T) {
	open := make(chan struct{})
	var early atomic.Pointer[[]string]
	var op atomic.Pointer[harness.Operator]
	go func() {
		for op.Load() == nil || len(op.Load().Manager.Ready()) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		missing := op.Load().Manager.Ready()
		early.Store(&missing)
		close(open)
	}()
	started, err := env.StartOperator(t.Context(), harness.OperatorOptions{
		Transport: reads("deployments", open), Started: func(o *harness.Operator) { op.Store(o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = started.Stop() })
	if got := *early.Load(); !strings.Contains(strings.Join(got, " "), "Deployment") {
		t.Errorf("while Deployments were held back, %v were missing", got)
	}
	harness.Eventually(t, func() error {
		if missing := started.Manager.Ready(); len(missing) > 0 {
			return errors.New("missing " + strings.Join(missing, ", "))
		}
		return nil
	})
	for name, running := range started.Manager.RunningControllers() {
		if !running {
			t.Errorf("controller %s does not run", name)
		}
	}
	if n := len(started.Manager.RunningControllers()); n < 7 {
		t.Errorf("%d controllers are known, want 7", n)
	}
}
