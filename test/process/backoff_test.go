package process

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govplatform/govplatform/test/harness"
)

// forbidden answers some requests with 403 while it is on.
type forbidden struct {
	next  http.RoundTripper
	match func(*http.Request) bool
	on    atomic.Bool
}

func (f *forbidden) RoundTrip(req *http.Request) (*http.Response, error) {
	if !f.on.Load() || !f.match(req) {
		return f.next.RoundTrip(req)
	}
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"missing rights","code":403}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 Forbidden", Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}, nil
}

// TestHealsSoon takes a right away for a while; no event says that it is back.
// Fails with the back-off of controller-runtime, whose next attempt is at 41 s.
func TestHealsSoon(t *testing.T) {
	f := &forbidden{match: func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/deployments")
	}}
	env.Operator(t, harness.OperatorOptions{Transport: func(next harness.Transport) harness.Transport { f.next = next; return f }})
	agency, portal := harness.Agency("heals", "H10"), harness.Portal("heals", "portal")
	env.Create(t, agency)
	env.WaitReady(t, agency)
	f.on.Store(true)
	env.Create(t, portal)
	time.Sleep(25 * time.Second)
	f.on.Store(false)
	back := time.Now()
	env.WaitReady(t, portal)
	if took := time.Since(back); took > 12*time.Second {
		t.Errorf("it took %s to heal, want at most 10 s and the rollout", took)
	}
}
