package process

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/harness"
)

// wantLinkPolicies waits until so many network policies exist for a link.
func wantLinkPolicies(t *testing.T, l *v1alpha1.DataSharingLink, n int, within time.Duration) {
	t.Helper()
	start := time.Now()
	harness.Eventually(t, func() error {
		got, err := env.LinkPolicies(t.Context(), l)
		if err == nil && len(got) != n {
			err = fmt.Errorf("link %s has %d policies, want %d", l.Name, len(got), n)
		}
		return err
	})
	if took := time.Since(start); took > within {
		t.Errorf("link %s took %s to have %d policies, want at most %s", l.Name, took, n, within)
	}
}

// TestClockIsSet sets the operator's clock past the end of a link's term and
// back; nothing else happens meanwhile.
// Fails when the clock watcher sends no event.
func TestClockIsSet(t *testing.T) {
	var ahead atomic.Int64
	env.Operator(t, harness.OperatorOptions{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	link := openLink(t, "clocked", "J1")
	wantLinkPolicies(t, link, 2, harness.Timeout)
	for _, c := range []struct {
		offset time.Duration
		want   int
	}{{time.Hour, 0}, {-time.Hour, 2}, {time.Second, 0}} {
		ahead.Store(int64(time.Until(link.Spec.ValidUntil.Time) + c.offset))
		wantLinkPolicies(t, link, c.want, 20*time.Second)
	}
}
