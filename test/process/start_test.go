package process

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/govplatform/govplatform/internal/kinds"
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
func TestStopBeforeCachesAreFilled(t *testing.T) {
	const soon = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := env.StartOperator(ctx, harness.OperatorOptions{Transport: reads("deployments", make(chan struct{}))})
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "Deployment") || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("ended with %v, want a reason that names Deployment", err)
		}
	case <-time.After(soon):
		t.Errorf("it was stopped, and has not ended %s later", soon)
	}
}

// TestStartHasADeadline starts an operator that never gets one of its caches.
// Fails when the start waits for its caches for ever.
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

// failing fails the first requests for every path, or all of them.
type failing struct {
	next  http.RoundTripper
	times int
	mu    sync.Mutex
	seen  map[string]int
}

func (f *failing) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.seen[req.URL.Path]++
	n := f.seen[req.URL.Path]
	f.mu.Unlock()
	if f.times >= 0 && n > f.times {
		return f.next.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	if n%2 == 0 {
		return nil, syscall.ECONNRESET
	}
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Status: "500", Request: req, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","message":"out of order","code":500}`)),
	}, nil
}

func (f *failing) wrap(next harness.Transport) harness.Transport { f.next = next; return f }

// TestStartOutlivesFailures fails the first three requests for every path: discovery, definitions, rights, caches.
// Fails when no step of the start is repeated: the start ends at the first failure.
func TestStartOutlivesFailures(t *testing.T) {
	f := &failing{times: 3, seen: map[string]int{}}
	op := env.Operator(t, harness.OperatorOptions{Transport: f.wrap})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range []string{"/api", "/apis", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "/api/v1/namespaces",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + portalDefinition, "/apis/platform.gov.vn/v1alpha1/agencies"} {
		if f.seen[path] == 0 {
			t.Errorf("the start does not ask for %s: the test does not reach what it is for", path)
		}
	}
	harness.Eventually(t, func() error {
		if missing := op.Manager.Ready(); len(missing) > 0 {
			return errors.New("missing " + strings.Join(missing, ", "))
		}
		return nil
	})
}

// TestStartWithoutAnswers starts the operator while the API server answers nothing but errors.
// Fails without the deadline of persist: it tries for ever.
func TestStartWithoutAnswers(t *testing.T) {
	f := &failing{times: -1, seen: map[string]int{}}
	begin := time.Now()
	_, err := env.StartOperator(t.Context(), harness.OperatorOptions{StartTimeout: 3 * time.Second, Transport: f.wrap})
	if err == nil {
		t.Fatal("the operator started")
	}
	for _, part := range []string{"did not start", "discover the kinds", "within 3s", "the last attempt"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("ended with %q, which does not name %q", err, part)
		}
	}
	if took := time.Since(begin); took > 6*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

// TestReadyWhenReady looks at the readiness while a cache is held back and after.
// Fails when readiness is asked of the controllers alone: no cache is named.
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
	if n := len(started.Manager.RunningControllers()); n != len(kinds.All()) {
		t.Errorf("%d controllers are known, want %d", n, len(kinds.All()))
	}
}
