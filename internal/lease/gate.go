// Package lease holds the operator to its lease: a replica that has not renewed
// it in time sends no writes, whatever its goroutines still have in hand.
package lease

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// errNotHeld is what a write ends with that the gate refuses.
var errNotHeld = errors.New("this replica does not hold the lease")

// Gate lets writes pass while the lease was renewed within the deadline. A
// process that was frozen wakes up with writes in hand; another replica leads
// by then, so they must not reach the API server.
type Gate struct {
	// Name of the lease.
	Name string
	// Deadline is how long a renewal is good for.
	Deadline time.Duration
	// Free lets all writes pass until the gate is shut: there is no lease.
	Free bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu      sync.Mutex
	renewed time.Time
	shut    bool
	await   <-chan struct{}
}

// Wrap returns a transport behind the gate. It belongs next to the wire, so that
// nothing waits between the gate and the API server.
func (g *Gate) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if g.isShut() {
			return nil, fmt.Errorf("%s %s: the operator is ending: %w", req.Method, req.URL.Path, errNotHeld)
		}
		if !mutates(req) {
			return next.RoundTrip(req)
		}
		if held, ours := g.holder(req); ours && !g.Free {
			return g.renew(req, held, next)
		}
		if err := g.wait(req); err != nil {
			return nil, err
		}
		if err := g.check(); err != nil {
			return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
		}
		return next.RoundTrip(req)
	})
}

// Await holds back writes, but those of the lease, until a channel is closed: who
// has just got the lease has something to find out first.
func (g *Gate) Await(done <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.await = done
}

func (g *Gate) wait(req *http.Request) error {
	g.mu.Lock()
	await := g.await
	g.mu.Unlock()
	if await == nil {
		return nil
	}
	select {
	case <-await:
		return nil
	case <-req.Context().Done():
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, req.Context().Err())
	}
}

// Shut ends all requests for good, reads too: for a process that is about to end.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// Held reports whether writes pass at present.
func (g *Gate) Held() bool { return g.check() == nil }

func (g *Gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *Gate) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// check compares both clocks: the monotonic one stands still while a machine is
// suspended, and the wall clock can be set.
func (g *Gate) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	switch {
	case g.Free:
		return nil
	case g.renewed.IsZero():
		return errNotHeld
	case now.Sub(g.renewed) > g.Deadline, now.Round(0).Sub(g.renewed.Round(0)) > g.Deadline:
		return fmt.Errorf("%w: it was renewed last at %s, more than %s ago", errNotHeld, g.renewed.Format(time.RFC3339), g.Deadline)
	}
	return nil
}

// renew sends a write of the lease. What counts is when it was sent: the others
// see the lease renewed no earlier than that.
func (g *Gate) renew(req *http.Request, held bool, next http.RoundTripper) (*http.Response, error) {
	sent := g.now()
	if !held {
		// The lease is given up, and another replica may take it at once.
		g.mu.Lock()
		g.renewed = time.Time{}
		g.mu.Unlock()
	}
	res, err := next.RoundTrip(req)
	if err == nil && held && res.StatusCode < 300 {
		g.mu.Lock()
		g.renewed = sent
		g.mu.Unlock()
	}
	return res, err
}

// holder reports whether a request writes the gate's lease, and whether it
// leaves it with a holder.
func (g *Gate) holder(req *http.Request) (held, ours bool) {
	if !strings.HasPrefix(req.URL.Path, "/apis/coordination.k8s.io/") || req.GetBody == nil {
		return false, false
	}
	body, err := req.GetBody()
	if err != nil {
		return false, false
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return false, false
	}
	o, _, err := clientgoscheme.Codecs.UniversalDeserializer().Decode(data, nil, nil)
	if err != nil {
		return false, false
	}
	l, ok := o.(*coordinationv1.Lease)
	if !ok || l.Name != g.Name {
		return false, false
	}
	return l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != "", true
}

// mutates reports whether a request changes what is stored. Reviews ask who
// somebody is and what that may do, which a replica that does not lead asks too.
func mutates(req *http.Request) bool {
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false
	}
	return !strings.HasPrefix(req.URL.Path, "/apis/authentication.k8s.io/") &&
		!strings.HasPrefix(req.URL.Path, "/apis/authorization.k8s.io/") &&
		req.URL.Query().Get("dryRun") != "All"
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
