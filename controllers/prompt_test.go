package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
)

// slow is a registration whose handler has heard of all when its channel is closed.
type slow chan struct{}

func (s slow) Name() string                             { return "slow" }
func (s slow) Done() <-chan struct{}                    { return s }
func (s slow) HasSyncedChecker() toolscache.DoneChecker { return s }
func (s slow) HasSynced() bool {
	select {
	case <-s:
		return true
	default:
		return false
	}
}

// TestRegistrationAnswersAtOnce: who asks whether a handler has heard of all is answered
// when it has, and after a while if it has not.
// Fails with a HasSynced that asks the registration below.
func TestRegistrationAnswersAtOnce(t *testing.T) {
	for _, c := range []struct {
		name          string
		after, answer time.Duration
		want          bool
	}{
		{"it has", 0, 0, true},
		{"it soon has", 30 * time.Millisecond, 30 * time.Millisecond, true},
		{"it has not", time.Second, syncWait, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, start := make(slow), time.Now()
				time.AfterFunc(c.after, func() { close(s) })
				synctest.Wait()
				got := registration{s}.HasSynced()
				if took := time.Since(start); got != c.want || took != c.answer {
					t.Errorf("%v after %s, want %v after %s", got, took, c.want, c.answer)
				}
				<-s
			})
		})
	}
}

// TestHandlersOfOurInformers: a handler that an informer of ours was given is registered
// promptly, and can be taken away again.
// Fails with an informer that is not wrapped, and with a RemoveEventHandler that does not
// unwrap.
func TestHandlersOfOurInformers(t *testing.T) {
	i := newInformers().tracked("")(&toolscache.ListWatch{}, &corev1.Service{}, 0, toolscache.Indexers{})
	r, err := i.AddEventHandlerWithOptions(toolscache.ResourceEventHandlerFuncs{}, toolscache.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.(registration); !ok {
		t.Errorf("a handler is registered by %T", r)
	}
	if err := i.RemoveEventHandler(r); err != nil {
		t.Error(err)
	}
}
