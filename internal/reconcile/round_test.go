package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
)

// full is a kind with every phase, each of which writes its name down and fails if it
// is told to.
type full struct {
	fails map[string]bool
	over  bool
	did   []string
}

func (f *full) do(phase string) error {
	f.did = append(f.did, phase)
	if f.fails[phase] {
		return errors.New("no " + phase)
	}
	return nil
}

type agency = *v1alpha1.Agency

func (f *full) Teardown(context.Context, agency) (ctrl.Result, error) {
	return ctrl.Result{}, f.do("teardown")
}

func (f *full) Clear(context.Context, agency) (time.Duration, error) {
	return 5 * time.Second, f.do("clear")
}

func (f *full) Gather(context.Context, agency) (string, error) { return "in", f.do("gather") }

func (f *full) Failed(context.Context, agency, string, error) error { return f.do("failed") }

func (f *full) Detour(context.Context, agency, *string) (bool, ctrl.Result, error) {
	return f.over, ctrl.Result{}, f.do("detour")
}

func (f *full) Decide(string) int { _ = f.do("decide"); return 1 }

func (f *full) Look(_ context.Context, _ *string, out int) (int, time.Duration, error) {
	return out + 1, 4 * time.Second, f.do("look")
}

func (f *full) Unread(string) error { return f.do("unread") }

func (f *full) Close(context.Context, agency, string, int) error { return f.do("close") }

func (f *full) Write(_ context.Context, _ agency, _ string, out int) (child.Result, error) {
	if out != 2 {
		return child.Result{}, errors.New("writes what was decided before it looked")
	}
	return child.Result{}, f.do("write")
}

func (f *full) Status(string, int, child.Result, error) { _ = f.do("status") }

func (f *full) Again(string, int, child.Result) time.Duration {
	_ = f.do("again")
	return 3 * time.Second
}

// TestRound: the phases of a round in their order, and what each failure leaves out. A
// status is written in every round that decides, and nothing is written before all is
// read.
// Fails when a phase is left out or comes at another place, and when an error is lost.
func TestRound(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fails    string
		over     bool
		deleting bool
		want     string
		after    time.Duration
	}{
		{name: "all", want: "clear gather detour decide look unread write status again", after: 3 * time.Second},
		{name: "deleted", deleting: true, want: "teardown"},
		{name: "deleted, and fails", deleting: true, fails: "teardown", want: "teardown"},
		{name: "nothing cleared", fails: "clear", want: "clear gather detour decide look unread write status again", after: 3 * time.Second},
		{name: "nothing read", fails: "gather", want: "clear gather failed"},
		{name: "nothing read nor cleared", fails: "clear gather failed", want: "clear gather failed"},
		{name: "another way", over: true, want: "clear gather detour", after: 5 * time.Second},
		{name: "no way", fails: "detour", want: "clear gather detour", after: 5 * time.Second},
		{name: "no look", fails: "look", want: "clear gather detour decide look unread write status again", after: 3 * time.Second},
		{name: "partly read", fails: "unread", want: "clear gather detour decide look unread close", after: 5 * time.Second},
		{name: "partly read, not closed", fails: "unread close", want: "clear gather detour decide look unread close", after: 5 * time.Second},
		{name: "not written", fails: "write", want: "clear gather detour decide look unread write status again", after: 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &full{fails: map[string]bool{}, over: tt.over}
			for _, phase := range strings.Fields(tt.fails) {
				f.fails[phase] = true
			}
			a := &v1alpha1.Agency{}
			if tt.deleting {
				a.DeletionTimestamp = &metav1.Time{}
			}
			result, err := Round[agency](Kind[agency, string, int](f))(t.Context(), a)
			if got := strings.Join(f.did, " "); got != tt.want {
				t.Errorf("did %q, want %q", got, tt.want)
			}
			for _, phase := range strings.Fields(tt.fails) {
				if err == nil || !strings.Contains(err.Error(), "no "+phase) {
					t.Errorf("that %s failed is lost: %v", phase, err)
				}
			}
			if tt.fails == "" && err != nil {
				t.Error(err)
			}
			if result.RequeueAfter != tt.after {
				t.Errorf("again after %v, want %v", result.RequeueAfter, tt.after)
			}
		})
	}
}

// least is a kind with what every kind needs.
type least struct{ err error }

func (l least) Gather(context.Context, agency) (string, error) { return "", l.err }

func (least) Decide(string) int { return 0 }

func (least) Status(string, int, child.Result, error) {}

// TestLeastRound: a kind that has no other phase says that a lookup failed, and a race
// that was lost stays one.
func TestLeastRound(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "agencies"}, "a", errors.New("changed"))
	for _, err := range []error{nil, conflict} {
		a := &v1alpha1.Agency{}
		_, got := Round[agency](Kind[agency, string, int](least{err}))(t.Context(), a)
		said := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady)
		if (err != nil) != (said != nil && said.Reason == v1alpha1.ReasonLookupFailed) || !errors.Is(got, err) {
			t.Errorf("%v: says %+v, returns %v", err, said, got)
		}
		if err != nil && !onlyConflicts(got) {
			t.Errorf("a lost race is %v", got)
		}
	}
}
