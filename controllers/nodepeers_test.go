package controllers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/govplatform/govplatform/internal/apply"
	"github.com/govplatform/govplatform/internal/apply/applytest"
	"github.com/govplatform/govplatform/internal/events"
	"github.com/govplatform/govplatform/internal/kinds/securitypolicy"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
)

// peersWorld is a keeper of the default settings' peers over an API server in memory.
type peersWorld struct {
	*peersKeeper
	api    client.Client
	writes int
	fails  error
	told   []events.Event
}

func (w *peersWorld) Record(_ client.Object, e events.Event) { w.told = append(w.told, e) }

func newPeersWorld(t *testing.T, existing ...client.Object) *peersWorld {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	w := &peersWorld{}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(existing...)
	write := func() error { w.writes++; return w.fails }
	w.api = b.WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return errors.Join(write(), c.Create(ctx, o, opts...))
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return errors.Join(write(), c.Update(ctx, o, opts...))
		},
	}).Build()
	w.peersKeeper = &peersKeeper{
		applier: &apply.Applier{Client: w.api, Live: w.api, Counts: applytest.Counts(w.api)}, settings: settings.Default(), home: "home",
		record: client.ObjectKey{Namespace: "home", Name: "record"}, events: w, changed: make(chan struct{}, 1),
	}
	return w
}

func homeNamespace() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "home", UID: "uid-home"}}
}

func (w *peersWorld) policy(t *testing.T) *admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	var v admissionv1.ValidatingAdmissionPolicy
	if err := w.api.Get(t.Context(), client.ObjectKey{Name: names.NodePeersPolicy}, &v); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	} else if err != nil {
		return nil
	}
	return &v
}

// TestPeersRounds: a second round writes nothing; a namespace that goes, or is gone, gets
// nothing that Kubernetes would remove again; and settings without peers leave nothing.
func TestPeersRounds(t *testing.T) {
	w := newPeersWorld(t, homeNamespace())
	if again := w.round(t.Context()); again != 0 || w.writes != 2 {
		t.Fatalf("the first round wrote %d objects, and again after %s", w.writes, again)
	}
	if refs := w.policy(t).OwnerReferences; len(refs) != 1 || refs[0].UID != "uid-home" {
		t.Errorf("the policy goes with %+v", refs)
	}
	if again := w.round(t.Context()); again != 0 || w.writes != 2 {
		t.Errorf("the second round wrote %d objects, and again after %s", w.writes-2, again)
	}
	w.settings.Monitoring, w.settings.Gateways, w.settings.ClusterDNS = nil, nil, settings.NameServers{}
	if again := w.round(t.Context()); again != 0 || w.policy(t) != nil {
		t.Errorf("without peers there is %+v, and again after %s", w.policy(t), again)
	}

	gone := newPeersWorld(t)
	going := homeNamespace()
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{Time: time.Now()}, []string{"x/y"}
	for _, w := range []*peersWorld{gone, newPeersWorld(t, going)} {
		if again := w.round(t.Context()); again != homelessPause || w.writes > 0 {
			t.Errorf("without its namespace it wrote %d objects, and again after %s", w.writes, again)
		}
	}
}

// TestPeersAreOurs: what somebody else made is left alone and told of once, also when
// that looks like one of the operator's; what was stripped of its marks is still ours.
// Fails when a name is proof enough.
func TestPeersAreOurs(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"none": nil, "a name": {names.LabelManagedBy: names.ManagedBy},
		"another owner": names.Owner{Kind: "SecurityPolicy", Name: "x", UID: "uid-x"}.Labels(),
	} {
		foreign := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy, Labels: labels}}
		w := newPeersWorld(t, homeNamespace(), foreign)
		for range 2 {
			if again := w.round(t.Context()); again == 0 {
				t.Errorf("%s: it does not look again", name)
			}
		}
		if w.policy(t).Spec.FailurePolicy != nil || len(w.told) != 1 || w.told[0].Reason != "Conflict" {
			t.Errorf("%s: the policy was written, or not told of once: %+v", name, w.told)
		}
	}

	w := newPeersWorld(t, homeNamespace())
	w.round(t.Context())
	stripped := w.policy(t)
	stripped.UID, stripped.Labels, stripped.Spec.Validations = "uid-1", nil, nil
	for i := range w.inventory {
		w.inventory[i].UID = "uid-1"
	}
	if err := w.api.Update(t.Context(), stripped); err != nil {
		t.Fatal(err)
	}
	if w.round(t.Context()); len(w.policy(t).Spec.Validations) != 1 || !securitypolicy.SettingsOwner().Owns(w.policy(t)) {
		t.Errorf("it stays stripped: %+v", w.policy(t))
	}
}

// TestPeersAreTriedAgain: a failure ends neither the keeper nor the operator, and an event
// of one of its objects makes it look at once; it begins when the settings are confirmed.
// Fails when a failure is returned, and when look asks for nothing.
func TestPeersAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPeersWorld(t, homeNamespace())
		confirmed := make(chan struct{})
		w.confirmed, w.fails = confirmed, errors.New("no")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Start(ctx) }()
		synctest.Wait()
		if w.writes > 0 {
			t.Error("it writes before the settings are confirmed")
		}
		close(confirmed)
		synctest.Wait()
		first := w.writes
		time.Sleep(peersPause + time.Second)
		synctest.Wait()
		if first == 0 || w.writes <= first {
			t.Errorf("%d writes at first, %d after a pause", first, w.writes)
		}
		w.fails = nil
		time.Sleep(peersPause)
		synctest.Wait()
		settled := w.writes
		for _, o := range []any{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy + "x"}}, toolscache.DeletedFinalStateUnknown{Obj: w.policy(t)}} {
			if err := w.api.Delete(t.Context(), w.policy(t)); err != nil {
				t.Fatal(err)
			}
			w.look(o)
			synctest.Wait()
			if _, ours := o.(toolscache.DeletedFinalStateUnknown); ours != (w.policy(t) != nil) {
				t.Errorf("after an event of %T the policy is %+v", o, w.policy(t))
			} else if !ours {
				w.look(&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: names.NodePeersPolicy}})
				synctest.Wait()
			}
		}
		if w.writes != settled+2 {
			t.Errorf("%d writes, want one for each deletion", w.writes-settled)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}
