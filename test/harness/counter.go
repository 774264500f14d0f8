package harness

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
)

// Transport sends requests.
type Transport = http.RoundTripper

// Counter counts requests at the transport.
type Counter struct {
	mu       sync.Mutex
	requests []Request
}

// Request is one request that was sent.
type Request struct {
	Method, Path string
	Status       int
	Watch        bool
	// StartCheck is a request by which the operator asks at its start who it is and what it may do. Nothing is stored.
	StartCheck bool
}

// NewCounter returns a counter at zero.
func NewCounter() *Counter { return &Counter{} }

type countingTransport struct {
	counter *Counter
	next    http.RoundTripper
}

// Wrap returns a transport that counts.
func (c *Counter) Wrap(next http.RoundTripper) http.RoundTripper {
	return &countingTransport{counter: c, next: next}
}

// RoundTrip implements http.RoundTripper.
func (t *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	r := Request{Method: req.Method, Path: req.URL.Path, Watch: req.URL.Query().Get("watch") == "true" || req.URL.Query().Get("watch") == "1"}
	r.StartCheck = req.Method == http.MethodPost && (strings.Contains(r.Path, "/selfsubject") || r.Path == "/api/v1/namespaces" && req.URL.Query().Get("dryRun") == "All")
	if res != nil {
		r.Status = res.StatusCode
	}
	t.counter.mu.Lock()
	t.counter.requests = append(t.counter.requests, r)
	t.counter.mu.Unlock()
	return res, err
}

// Reset forgets what was counted.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

// all returns requests that the predicate takes; leases are housekeeping.
func (c *Counter) all(take func(Request) bool) []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Request
	for _, r := range c.requests {
		if take(r) && !strings.Contains(r.Path, "/leases") {
			out = append(out, r)
		}
	}
	return out
}

// Writes returns the writes.
func (c *Counter) Writes() []Request {
	return c.all(func(r Request) bool {
		return !r.StartCheck && slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method)
	})
}

// StartChecks returns the requests by which the operator asked at its start who it is and what it may do.
func (c *Counter) StartChecks() []Request { return c.all(func(r Request) bool { return r.StartCheck }) }

// Reads returns reads other than watches and discovery.
func (c *Counter) Reads() []Request {
	return c.all(func(r Request) bool {
		return r.Method == http.MethodGet && !r.Watch && strings.Count(strings.Trim(r.Path, "/"), "/") > 2
	})
}

// Watched returns the resources that are watched, as in the paths of requests, sorted.
func (c *Counter) Watched() []string {
	var out []string
	for _, r := range c.all(func(r Request) bool { return r.Watch }) {
		out = append(out, path.Base(r.Path))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// String lists requests, most frequent last digits untouched, for messages.
func String(requests []Request) string {
	var b strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&b, "\n  %s %s -> %d", r.Method, r.Path, r.Status)
	}
	return b.String()
}

func isNoMatch(err error) bool { return meta.IsNoMatchError(err) }
