package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/queue"
)

// What the API server itself does is tested in test/integration.

var (
	errWork  = errors.New("work failed")
	conflict = apierrors.NewConflict(schema.GroupResource{Resource: "agencyportals"}, "web", errors.New("modified"))
	tooLarge = apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
)

// TestOutcome: a lost race is retried soon, and never hides another error.
// Fails when apierrors.IsConflict looks at the joined error.
func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		name  string
		errs  []error
		soon  bool
		fails bool
	}{
		{"nothing", []error{nil, nil}, false, false},
		{"status lost a race", []error{nil, fmt.Errorf("patch status: %w", conflict)}, true, false},
		{"children lost races", []error{errors.Join(conflict, fmt.Errorf("apply: %w", conflict)), nil}, true, false},
		{"work failed, and the status lost a race", []error{errWork, conflict}, false, true},
		{"one child failed, another lost a race", []error{fmt.Errorf("apply: %w", errors.Join(conflict, errWork))}, false, true},
	} {
		res, err := outcome(ctrl.Result{}, c.errs...)
		if (res.RequeueAfter == retrySoon) != c.soon || (err != nil) != c.fails || c.fails && !errors.Is(err, errWork) {
			t.Errorf("%s: %+v, %v", c.name, res, err)
		}
	}
}

// loopOver returns a loop over one portal whose patches may be refused.
func loopOver(t *testing.T, run func(context.Context, *v1alpha1.AgencyPortal) (ctrl.Result, error), metaPatch, statusPatch func(*v1alpha1.AgencyPortal) error) (Loop[*v1alpha1.AgencyPortal], client.Client) {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	p := &v1alpha1.AgencyPortal{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-x", Name: "web"}}
	c := fake.NewClientBuilder().WithScheme(s).WithObjects(p).WithStatusSubresource(p).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := metaPatch(o.(*v1alpha1.AgencyPortal)); err != nil {
				return err
			}
			return c.Patch(ctx, o, patch, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := statusPatch(o.(*v1alpha1.AgencyPortal)); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, patch, opts...)
		},
	}).Build()
	return Loop[*v1alpha1.AgencyPortal]{Client: c, New: func() *v1alpha1.AgencyPortal { return &v1alpha1.AgencyPortal{} }, Run: run, Finalizer: "platform.gov.vn/x"}, c
}

func pass(*v1alpha1.AgencyPortal) error { return nil }

var request = ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "agency-x", Name: "web"}}

// TestRoundGoesOnWithoutItsFinalizer: the round runs, does not see a finalizer
// that was not stored, and the failure is retried.
// Fails when the loop returns at the failed patch.
func TestRoundGoesOnWithoutItsFinalizer(t *testing.T) {
	for name, refusal := range map[string]error{"too large": tooLarge, "conflict": conflict} {
		ran := false
		l, _ := loopOver(t, func(_ context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
			ran = true
			if len(p.Finalizers) > 0 {
				t.Errorf("%s: the round sees %v, which is not stored", name, p.Finalizers)
			}
			return ctrl.Result{}, nil
		}, func(*v1alpha1.AgencyPortal) error { return refusal }, pass)
		res, err := l.Reconcile(t.Context(), request)
		if !ran || (err == nil) != (res.RequeueAfter == retrySoon) {
			t.Errorf("%s: ran %v, %+v, %v", name, ran, res, err)
		}
	}
}

// TestFirstComesFirst: what closes at once comes before the object is read, and its
// failure keeps nothing from being done and is retried.
// Fails when First comes after the read, or its failure ends the round.
func TestFirstComesFirst(t *testing.T) {
	ran := false
	l, c := loopOver(t, func(context.Context, *v1alpha1.AgencyPortal) (ctrl.Result, error) {
		ran = true
		return ctrl.Result{}, nil
	}, pass, pass)
	read := false
	l.Client = interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		read = true
		return c.Get(ctx, key, o, opts...)
	}})
	l.First = func(_ context.Context, key client.ObjectKey) error {
		if read || key != request.NamespacedName {
			t.Errorf("for %s, and something was read before: %v", key, read)
		}
		return errWork
	}
	if _, err := l.Reconcile(t.Context(), request); !ran || !errors.Is(err, errWork) {
		t.Errorf("ran %v, %v", ran, err)
	}
}

// TestStatusIsMadeToFit: what can't be stored is made smaller, the last compliant
// spec last, and the round after it writes nothing.
// Fails when refused is never true.
func TestStatusIsMadeToFit(t *testing.T) {
	sizeOf := func(st v1alpha1.AgencyPortalStatus) int {
		size := len(st.Conditions[0].Message)
		for _, e := range st.Inventory {
			size += len(e.Name)
		}
		if st.LastCompliant != nil {
			size += len(st.LastCompliant.DisplayName)
		}
		return size
	}
	for _, step := range []struct {
		most           int
		inventory, old bool
	}{{5000, true, true}, {2300, true, true}, {1300, false, true}, {600, false, false}} {
		t.Run(strconv.Itoa(step.most), func(t *testing.T) {
			l, c := loopOver(t, func(_ context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
				p.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "X", Message: strings.Repeat("ệ", 900)}}
				p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: strings.Repeat("n", 1000), UID: "u"}}
				p.Status.LastCompliant = &v1alpha1.AgencyPortalSpec{DisplayName: v1alpha1.Text(strings.Repeat("d", 1000))}
				return ctrl.Result{}, nil
			}, pass, func(p *v1alpha1.AgencyPortal) error {
				if sizeOf(p.Status) > step.most {
					return tooLarge
				}
				return nil
			})
			stored := ""
			for round := range 2 {
				if _, err := l.Reconcile(t.Context(), request); err != nil {
					t.Fatal(err)
				}
				var p v1alpha1.AgencyPortal
				if err := c.Get(t.Context(), request.NamespacedName, &p); err != nil {
					t.Fatal(err)
				}
				if (len(p.Status.Inventory) > 0) != step.inventory || (p.Status.LastCompliant != nil) != step.old {
					t.Errorf("inventory %v, last compliant %v", len(p.Status.Inventory), p.Status.LastCompliant != nil)
				}
				if round > 0 && p.ResourceVersion != stored {
					t.Error("the next round writes again")
				}
				stored = p.ResourceVersion
			}
		})
	}
}

// TestRefusedFieldStaysAsItWas: a field that the API server does not take keeps what
// is stored, the rest is written whole, the round fails by the field's name, and one
// that finds the same writes nothing.
// Fails when a refusal by value is treated as one by size: inventory, findings and
// last compliant spec are shed, and nobody hears of it.
func TestRefusedFieldStaysAsItWas(t *testing.T) {
	wanted := v1alpha1.Text("first")
	kind := schema.GroupKind{Group: "platform.gov.vn", Kind: "AgencyPortal"}
	tries := 0
	l, c := loopOver(t, func(_ context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
		p.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "X", Message: strings.Repeat("m", 900)}}
		p.Status.Inventory = []v1alpha1.InventoryEntry{{Kind: "Deployment", Name: "web", UID: "u"}}
		p.Status.Findings = []v1alpha1.PolicyFinding{{Policy: "x", Found: string(wanted)}}
		p.Status.LastCompliant = &v1alpha1.AgencyPortalSpec{DisplayName: wanted}
		return ctrl.Result{}, nil
	}, pass, func(p *v1alpha1.AgencyPortal) error {
		if tries++; p.Status.LastCompliant.DisplayName == "bad" {
			return apierrors.NewInvalid(kind, "web", field.ErrorList{field.Invalid(field.NewPath("status", "lastCompliant", "displayName"), "bad", "says no")})
		}
		return nil
	})
	var p v1alpha1.AgencyPortal
	round := func(name v1alpha1.Text) error {
		wanted, tries = name, 0
		_, err := l.Reconcile(t.Context(), request)
		if err := c.Get(t.Context(), request.NamespacedName, &p); err != nil {
			t.Fatal(err)
		}
		return err
	}
	if err := round("first"); err != nil {
		t.Fatal(err)
	}
	if err := round("bad"); err == nil || !strings.Contains(err.Error(), "status.lastCompliant.displayName") {
		t.Errorf("the round ends with %v", err)
	}
	st := p.Status
	if st.LastCompliant == nil || st.LastCompliant.DisplayName != "first" || len(st.Inventory) != 1 || len(st.Findings) != 1 || st.Findings[0].Found != "bad" || len(st.Conditions[0].Message) < 900 {
		t.Errorf("stored: %+v", st)
	}
	if !strings.Contains(st.Conditions[0].Message, "status.lastCompliant.displayName: the API server does not take it") {
		t.Errorf("Ready says %q", st.Conditions[0].Message)
	}
	version := p.ResourceVersion
	if err := round("bad"); err == nil || tries != 1 || p.ResourceVersion != version {
		t.Errorf("the next round: %d attempts, version %s after %s, %v", tries, p.ResourceVersion, version, err)
	}
	if err := round("good"); err != nil || p.Status.LastCompliant.DisplayName != "good" || strings.Contains(p.Status.Conditions[0].Message, "API server") {
		t.Errorf("afterwards: %v, %+v", err, p.Status)
	}
}

// TestOwnWritesAreLookedAt: a round that wrote, of which no event comes, is followed by
// one, behind everything else, or soon if it asked for one; one that wrote nothing is not.
// What a round wrote that failed, or that could not be recorded, is seen by its events.
// Fails when verified asks for none, always, or at low priority for what is due, and when
// nothing is forgotten of a round that failed.
func TestOwnWritesAreLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		writes, deaf, fails, large bool
		asks, want                 time.Duration
		last, echo                 bool
	}{
		"nothing written":            {},
		"written":                    {writes: true, want: queue.LookBack, last: true, echo: true},
		"written, and due some time": {writes: true, asks: time.Hour, want: soon, echo: true},
		"due, and nothing written":   {asks: time.Hour, want: time.Hour},
		"its events count":           {writes: true, deaf: true},
		"written, and failed":        {writes: true, fails: true},
		"too large to be recorded":   {writes: true, large: true, want: soon},
	} {
		l, _ := loopOver(t, func(_ context.Context, p *v1alpha1.AgencyPortal) (ctrl.Result, error) {
			if c.writes {
				p.Status.Conditions = append(p.Status.Conditions, metav1.Condition{Type: "Ready"})
			}
			if c.large {
				p.Status.Inventory = []v1alpha1.InventoryEntry{{Name: strings.Repeat("x", maxObject)}}
			}
			if c.fails {
				return ctrl.Result{}, errWork
			}
			return ctrl.Result{RequeueAfter: c.asks}, nil
		}, pass, pass)
		l.Finalizer = ""
		if !c.deaf {
			l.Echoes = apply.NewEchoes(v1alpha1.KindAgencyPortal)
		}
		res, err := l.Reconcile(t.Context(), request)
		if last := res.Priority != nil && *res.Priority == queue.Last; (err != nil) != c.fails || res.RequeueAfter != c.want || last != c.last {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
		var p v1alpha1.AgencyPortal
		if err := l.Client.Get(t.Context(), request.NamespacedName, &p); err != nil {
			t.Fatal(err)
		}
		if l.Echoes.Take(request.NamespacedName, &p) != c.echo {
			t.Errorf("%s: its status is or is not an echo", name)
		}
	}
}
