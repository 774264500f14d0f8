package lease

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

type wire struct{ sent []string }

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.sent = append(w.sent, req.Method+" "+req.URL.Path)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api"+url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const leasePath = "/apis/coordination.k8s.io/v1/namespaces/system/leases/operator"

func leaseOf(name, holder string) string {
	return `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"` + name + `"},"spec":{"holderIdentity":"` + holder + `"}}`
}

// TestGate fails at each row when the gate lets everything pass.
func TestGate(t *testing.T) {
	start := time.Now()
	now := start
	w := &wire{}
	g := &Gate{Name: "operator", Deadline: 10 * time.Second, Now: func() time.Time { return now }}
	rt := g.Wrap(w)
	send := func(method, url, body string) error {
		_, err := rt.RoundTrip(request(t, method, url, body)) //nolint:bodyclose // http.NoBody
		return err
	}
	write := func() error { return send(http.MethodPut, "/api/v1/namespaces/a", "{}") }
	refused := func(what string) {
		t.Helper()
		if err := write(); !errors.Is(err, errNotHeld) {
			t.Errorf("%s: a write ended with %v, want %v", what, err, errNotHeld)
		}
	}
	passes := func(what string) {
		t.Helper()
		if err := write(); err != nil {
			t.Errorf("%s: a write was refused: %v", what, err)
		}
	}
	refused("before the lease is held")
	for _, free := range [][2]string{
		{http.MethodGet, "/api/v1/namespaces/a"}, {http.MethodPost, "/apis/authentication.k8s.io/v1/tokenreviews"},
		{http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews"}, {http.MethodPost, "/api/v1/namespaces?dryRun=All"},
	} {
		if err := send(free[0], free[1], "{}"); err != nil {
			t.Errorf("%s %s changes nothing and was refused: %v", free[0], free[1], err)
		}
	}
	if err := send(http.MethodPut, leasePath, leaseOf("another", "me")); !errors.Is(err, errNotHeld) {
		t.Errorf("a write of another lease: %v", err)
	}
	if err := send(http.MethodPut, leasePath, leaseOf("operator", "me")); err != nil {
		t.Fatalf("the lease itself: %v", err)
	}
	passes("just renewed")
	now = start.Add(9 * time.Second)
	passes("within the deadline")
	now = start.Add(11 * time.Second)
	refused("after the deadline")
	if err := send(http.MethodPut, leasePath, leaseOf("operator", "me")); err != nil {
		t.Fatal(err)
	}
	passes("renewed again")
	// A suspended machine: the wall clock went on, the monotonic one stood still.
	now = now.Round(0).Add(time.Hour)
	refused("after the machine was suspended")
	now = start.Add(12 * time.Second)
	passes("renewed, by the monotonic clock")
	if err := send(http.MethodPut, leasePath, leaseOf("operator", "")); err != nil {
		t.Fatal(err)
	}
	refused("the lease was given up")
	g.Shut()
	if err := send(http.MethodGet, "/api/v1/namespaces/a", ""); err == nil {
		t.Error("a read passed a gate that is shut")
	}
}

// TestAwait: writes wait for what is to be found out first, with a lease and without;
// reads and the lease itself don't.
func TestAwait(t *testing.T) {
	for name, free := range map[string]bool{"a lease": false, "none": true} {
		w, done := &wire{}, make(chan struct{})
		g := &Gate{Name: "operator", Deadline: time.Minute, Free: free}
		rt := g.Wrap(w)
		g.Await(done)
		send := func(ctx context.Context, method, url, body string) error {
			_, err := rt.RoundTrip(request(t, method, url, body).WithContext(ctx)) //nolint:bodyclose // http.NoBody
			return err
		}
		if err := send(t.Context(), http.MethodGet, "/api/v1/namespaces/a", ""); err != nil {
			t.Errorf("%s: a read: %v", name, err)
		}
		if !free {
			if err := send(t.Context(), http.MethodPut, leasePath, leaseOf("operator", "me")); err != nil {
				t.Errorf("%s: the lease: %v", name, err)
			}
		}
		short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := send(short, http.MethodPut, "/api/v1/namespaces/a", "{}"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: a write before it ended with %v", name, err)
		}
		close(done)
		if err := send(t.Context(), http.MethodPut, "/api/v1/namespaces/a", "{}"); err != nil {
			t.Errorf("%s: a write after it: %v", name, err)
		}
	}
}
