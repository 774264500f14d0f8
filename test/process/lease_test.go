package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// freezer holds back all that an operator sends, as if its process were frozen.
type freezer struct {
	next http.RoundTripper
	mu   sync.Mutex
	thaw chan struct{} // nil while not frozen
	held []string      // writes that were under way
	ends map[string]error
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thaw = make(chan struct{})
}

func (f *freezer) goOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.thaw)
	f.thaw = nil
}

func (f *freezer) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	thaw := f.thaw
	write := req.Method != http.MethodGet && !strings.Contains(req.URL.Path, "/leases/")
	if thaw != nil && write {
		f.held = append(f.held, req.URL.Path)
	}
	f.mu.Unlock()
	if thaw != nil {
		<-thaw // A frozen process does not notice that its request was given up.
		req = req.Clone(t0(req))
	}
	res, err := f.next.RoundTrip(req)
	if thaw != nil && write {
		f.mu.Lock()
		f.ends[req.URL.Path] = err
		f.mu.Unlock()
	}
	return res, err
}

// TestFrozenLeaderWritesNothing freezes a leader with writes in hand, lets
// another replica take over, and lets the first go on.
// Fails when the gate lets everything pass: the stale writes reach the server.
func TestFrozenLeaderWritesNothing(t *testing.T) {
	f := &freezer{ends: map[string]error{}}
	first := env.Operator(t, harness.OperatorOptions{LeaderElection: true, Transport: func(next harness.Transport) harness.Transport { f.next = next; return f }})
	agency := harness.Agency("frozen", "F10")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	first.WaitQuiet(t, 2*time.Second)

	// Watches go on, so the leader sees a portal and wants to write its objects.
	f.freeze()
	portal := harness.Portal("frozen", "stale")
	env.Create(t, portal)
	harness.Eventually(t, func() error { return f.anyHeld() })
	second := env.Operator(t, harness.OperatorOptions{LeaderElection: true})
	env.WaitReady(t, portal)
	suspend := harness.MergePatch(`{"spec":{"suspended":true}}`)
	if err := env.Admin.Patch(t.Context(), agency, suspend); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, "False", v1alpha1.ReasonSuspended)
	second.WaitQuiet(t, 2*time.Second)

	first.Requests.Reset()
	f.goOn()
	harness.Eventually(t, func() error { return f.allEnded() })
	_ = first.Stop()
	for _, w := range first.Requests.Writes() {
		if w.Status != 0 {
			t.Errorf("a write of the former leader reached the server: %s %s -> %d", w.Method, w.Path, w.Status)
		}
	}
}

// t0 returns the context of a request without its end.
func t0(req *http.Request) context.Context { return context.WithoutCancel(req.Context()) }

func (f *freezer) anyHeld() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.held) == 0 {
		return errors.New("the frozen leader has no write in hand")
	}
	return nil
}

func (f *freezer) allEnded() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, path := range f.held {
		if _, ok := f.ends[path]; !ok {
			return fmt.Errorf("the write of %s has not ended", path)
		}
	}
	return nil
}
