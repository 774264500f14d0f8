package controllers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/govplatform/govplatform/internal/lease"
	"github.com/govplatform/govplatform/internal/queue"
)

// livez asks an operator as the kubelet does.
func livez(o *Operator) (int, string) {
	answer := httptest.NewRecorder()
	h := &healthz.Handler{Checks: map[string]healthz.Checker{"controllers": o.healthy}}
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/?verbose", http.NoBody))
	return answer.Code, answer.Body.String()
}

func limiter() workqueue.TypedRateLimiter[ctrl.Request] {
	return workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]()
}

// TestHealthyEndsWhatIsStuck: /healthz fails once a worker is busy with one object
// for longer than a round may take, and is well again when it goes on. Fails when
// healthy does not ask for workers that are stuck.
func TestHealthyEndsWhatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &Operator{queues: queue.NewSet(), gate: &lease.Gate{Free: true}, StartTimeout: time.Minute}
		q := o.queues.Options("portals", 1).NewQueue("portals", limiter())
		defer q.ShutDown()
		request := ctrl.Request{}
		q.Add(request)
		if got, shut := q.Get(); shut || got != request {
			t.Fatalf("the queue gives %v", got)
		}
		want := func(code int) {
			t.Helper()
			if got, body := livez(o); got != code || code != http.StatusOK && !strings.Contains(body, "[-]controllers failed") {
				t.Errorf("/healthz is %d, want %d: %s", got, code, body)
			}
		}
		time.Sleep(stuckAfter)
		want(http.StatusOK)
		time.Sleep(time.Second)
		want(http.StatusInternalServerError)
		q.Done(request)
		want(http.StatusOK)
	})
}

// TestHealthyEndsWhatDoesNotStart: the leader whose controllers have not started
// within the time of a start is not healthy, and a replica that waits for the lease
// is, and is ready. Fails when healthy does not ask what does not run, when it asks a
// replica without the lease, and when it waits for less than the time of a start.
func TestHealthyEndsWhatDoesNotStart(t *testing.T) {
	for name, tt := range map[string]struct {
		gate *lease.Gate
		want int
	}{
		"leader": {&lease.Gate{Free: true}, http.StatusInternalServerError},
		"waits":  {&lease.Gate{Name: "operator.platform.gov.vn", Deadline: time.Second}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &Operator{queues: queue.NewSet(), informers: newInformers(), gate: tt.gate, StartTimeout: time.Minute}
				o.queues.Options("portals", 1)
				if code, body := livez(o); code != http.StatusOK {
					t.Errorf("at the start /healthz is %d: %s", code, body)
				}
				time.Sleep(o.StartTimeout)
				if code, body := livez(o); code != http.StatusOK {
					t.Errorf("within the time of the start /healthz is %d: %s", code, body)
				}
				time.Sleep(time.Second)
				if code, body := livez(o); code != tt.want {
					t.Errorf("after the time of the start /healthz is %d, want %d: %s", code, tt.want, body)
				}
				if missing := o.Ready(); (len(missing) == 0) != (tt.want == http.StatusOK) {
					t.Errorf("not ready: %v", missing)
				}
			})
		})
	}
}
