package integration

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// deathTransport is an operator that dies at its n-th write: just before it,
// or just after it, when the answer never arrives. Afterwards it sends nothing.
type deathTransport struct {
	next   http.RoundTripper
	name   string
	left   *atomic.Int64
	before bool
	dead   chan struct{}
}

var errKilled = errors.New("killed")

func (d *deathTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	// Other tests' agencies may still be on their way out; their writes don't count.
	// A dry run, as at the start, writes nothing.
	write := req.Method != http.MethodGet && !req.URL.Query().Has("dryRun") && (strings.Contains(req.URL.Path, d.name) || req.URL.Path == "/api/v1/namespaces")
	if d.left.Load() < 0 {
		return nil, errKilled
	}
	if !write || d.left.Add(-1) >= 0 {
		return d.next.RoundTrip(req)
	}
	defer func() {
		select {
		case <-d.dead:
		default:
			close(d.dead)
		}
	}()
	if d.before {
		return nil, errKilled
	}
	if res, err := d.next.RoundTrip(req); err == nil {
		_ = res.Body.Close()
	}
	return nil, errKilled
}

// TestKilledAtEveryWrite kills the operator before and after each of its writes
// while an agency with a policy and a portal comes up, starts another one, and
// compares the end state with that of an undisturbed run.
func TestKilledAtEveryWrite(t *testing.T) {
	want := ""
	for n := 0; ; n++ {
		died := false
		for _, before := range []bool{true, false} {
			name := fmt.Sprintf("kill%d%v", n, before)
			t.Run(name, func(t *testing.T) {
				agency := harness.Agency(name, fmt.Sprintf("K%02d.%v", n%100, map[bool]string{true: "B", false: "A"}[before]))
				agency.Spec.Code = fmt.Sprintf("Z%02d%s", n+1, map[bool]string{true: "B", false: "A"}[before])
				portal := harness.Portal(name, "portal")
				d := &deathTransport{name: name, left: &atomic.Int64{}, before: before, dead: make(chan struct{})}
				d.left.Store(int64(n))
				op := env.Operator(t, harness.OperatorOptions{Transport: func(next harness.Transport) harness.Transport { d.next = next; return d }})
				env.Create(t, agency)
				createWhenPossible(t, portal, d.dead)
				select {
				case <-d.dead:
					died = true
				case <-time.After(4 * time.Second):
				}
				_ = op.Stop()
				env.Operator(t, harness.OperatorOptions{})
				createWhenPossible(t, portal, nil)
				env.WaitReady(t, agency, portal)
				waitCounted(t, agency)
				got := strings.ReplaceAll(strings.ReplaceAll(snapshot(t, name), name, "NAME"), agency.Spec.Code, "CODE")
				if want == "" {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("killed at write %d (before: %v): the end state differs (-want +got):\n%s", n, before, diff)
				}
			})
		}
		if t.Failed() {
			return
		}
		if !died {
			t.Logf("%d kill points, each before and after the write", n)
			if n < 10 {
				t.Errorf("only %d writes: the test does not reach what it is for", n)
			}
			return
		}
	}
}

// createWhenPossible creates a portal as soon as its namespace exists, like a
// GitOps tool that retries.
func createWhenPossible(t *testing.T, p *v1alpha1.AgencyPortal, stop <-chan struct{}) {
	t.Helper()
	deadline := time.Now().Add(harness.Timeout)
	for p.UID == "" {
		if env.Admin.Create(t.Context(), p) == nil {
			t.Cleanup(func() {})
			return
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("the namespace of %s never came", p.Namespace)
		}
	}
}

// waitCounted waits until an agency has counted its portal, which may be a
// moment after both are ready.
func waitCounted(t *testing.T, a *v1alpha1.Agency) {
	t.Helper()
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(a), a); err != nil {
			return err
		}
		if a.Status.Portals != 1 {
			return fmt.Errorf("agency %s counts %d portals, want 1", a.Name, a.Status.Portals)
		}
		return nil
	})
}
