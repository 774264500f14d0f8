package threats

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// hold keeps an object that is deleted from going, until release.
func hold(t *testing.T, o client.Object) (release func()) {
	t.Helper()
	before := harness.Stored(t, env, o).DeepCopyObject().(client.Object)
	o.SetFinalizers(append(o.GetFinalizers(), "example.org/hold"))
	if err := env.Admin.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	key := client.ObjectKeyFromObject(o)
	release = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for range 20 {
			if err := env.Admin.Get(ctx, key, o); err != nil {
				return
			}
			var kept []string
			for _, f := range o.GetFinalizers() {
				if f != "example.org/hold" {
					kept = append(kept, f)
				}
			}
			o.SetFinalizers(kept)
			if err := env.Admin.Update(ctx, o); err == nil || apierrors.IsNotFound(err) {
				return
			}
		}
	}
	t.Cleanup(release)
	return release
}

// TestThreat13_HeldPortal deletes a portal that a finalizer of the tenant
// holds, and edits it afterwards: nothing may run or be open for it.
// Fails when a portal that is being deleted is not reconciled; when it is
// reconciled like any other.
func TestThreat13_HeldPortal(t *testing.T) {
	operate(t)
	newAgency(t, "t13")
	attacker := mallory(t, "t13")
	portal := harness.Portal("t13", "portal", small)
	if err := attacker.Create(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	env.WaitReady(t, portal)
	release := hold(t, portal)
	if err := attacker.Delete(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeleting)
	if err := attacker.Patch(t.Context(), portal, harness.MergePatch(`{"spec":{"image":"`+registry+`/other`+digest+`"}}`)); err != nil {
		t.Fatal(err)
	}
	gone := func() error {
		if n := len(podsOf(t, "t13")); n > 0 {
			return fmt.Errorf("%d pods run for a portal that is being deleted", n)
		}
		for _, p := range policiesOf(t, "t13") {
			if len(p.Spec.Egress)+len(p.Spec.Ingress) > 0 {
				return fmt.Errorf("policy %s is open for a portal that is being deleted", p.Name)
			}
		}
		return nil
	}
	harness.Eventually(t, gone)
	never(t, time.Second, gone)
	absent(t, &appsv1.Deployment{ObjectMeta: in("t13", "portal")})
	release()
	env.WaitGone(t, portal)
}

// TestThreat13_HeldPolicy deletes a policy that a finalizer holds: it stands
// until it is gone, in the operator and in the API server.
// Fails when Selecting leaves out policies that are being deleted; when a
// policy that is being deleted is not repaired.
func TestThreat13_HeldPolicy(t *testing.T) {
	operate(t)
	newAgency(t, "u13")
	policy := harness.Policy("u13", "u13", allow(registry))
	env.Create(t, policy)
	env.WaitReady(t, policy)
	release := hold(t, policy)
	if err := env.Admin.Delete(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	portal := harness.Portal("u13", "portal", image(evil))
	env.Create(t, portal)
	env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
	absent(t, &appsv1.Deployment{ObjectMeta: in("u13", "portal")})

	binding := harness.Stored(t, env, &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: names.AdmissionPolicy("u13")}})
	uid := binding.UID
	if err := env.Admin.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(binding), binding); err != nil {
			return err
		}
		if binding.UID == uid {
			return errors.New("not deleted yet")
		}
		return nil
	})
	release()
	env.WaitGone(t, policy)
	env.WaitReady(t, portal)
}

// TestThreat13_HeldAgency deletes an agency with portals, which is refused: its
// guards are repaired as before.
// Fails when an agency that is being deleted is not reconciled.
func TestThreat13_HeldAgency(t *testing.T) {
	operate(t)
	agency := newAgency(t, "v13")
	portal := harness.Portal("v13", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, portal)
	if err := env.Admin.Delete(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonDeletionRefused)
	deny := harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("v13", "default-deny")})
	opened := deny.DeepCopy()
	env.Edit(t, opened, func() { opened.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} })
	harness.Eventually(t, func() error {
		if got := harness.Stored(t, env, deny); len(got.Spec.Ingress) > 0 || got.DeletionTimestamp != nil {
			return errors.New("the default deny of an agency that is being deleted is not repaired")
		}
		return nil
	})
	env.WaitReady(t, portal)
}

// blindClient fails to read kinds, as a cache does whose watch is gone.
type blindClient struct {
	client.Client
	kind *atomic.Value
}

var errBlind = errors.New("the cache has no answer")

func (b blindClient) blind(o any) bool {
	kind, _ := b.kind.Load().(string)
	name := reflect.TypeOf(o).Elem().Name()
	return kind != "" && strings.TrimSuffix(name, "List") == kind
}

func (b blindClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if b.blind(o) {
		return errBlind
	}
	return b.Client.Get(ctx, key, o, opts...)
}

func (b blindClient) List(ctx context.Context, o client.ObjectList, opts ...client.ListOption) error {
	if b.blind(o) {
		return errBlind
	}
	return b.Client.List(ctx, o, opts...)
}

// blindOperator runs an operator whose reads of one kind can be made to fail.
func blindOperator(t *testing.T) *atomic.Value {
	t.Helper()
	stopOperator(t)
	cfg, err := env.ControlPlane.ServiceAccountConfig(t.Context(), harness.OperatorNamespace, harness.OperatorServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	kind, skip := &atomic.Value{}, true
	mgr, err := controllers.NewManager(t.Context(), cfg, ctrl.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Controller: config.Controller{SkipNameValidation: &skip},
		NewClient: func(cfg *rest.Config, o client.Options) (client.Client, error) {
			c, err := client.New(cfg, o)
			return blindClient{Client: c, kind: kind}, err
		},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := controllers.SetupAll(ctx, mgr, settings.Default(), time.Now); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-done }) //nolint:errcheck // the end of the manager is all that matters
	if !mgr.GetCache().WaitForCacheSync(t.Context()) {
		t.Fatal("the cache did not sync")
	}
	return kind
}

// TestThreat14_FailedReads blinds the operator for each kind that a decision
// about a portal rests on, and asks for something that this kind forbids or
// would have to change.
// Fails when gather takes an error for "there is none".
func TestThreat14_FailedReads(t *testing.T) {
	blind := blindOperator(t)
	newAgency(t, "t14")
	policy := harness.Policy("t14", "t14", allow(registry))
	env.Create(t, policy)
	portal := harness.Portal("t14", "portal", small)
	env.Create(t, portal)
	env.WaitReady(t, policy, portal)
	deployment := harness.Stored(t, env, &appsv1.Deployment{ObjectMeta: in("t14", "portal")})
	uid, generation := deployment.UID, deployment.Generation
	good := portal.Spec.Image
	for i, kind := range []string{"SecurityPolicy", "Agency", "Namespace", "NetworkPolicy", "AgencyPortal"} {
		t.Run(kind, func(t *testing.T) {
			policies := policiesOf(t, "t14")
			// The guards of the portals of earlier rounds are about to go.
			policies = slices.DeleteFunc(policies, func(p networkingv1.NetworkPolicy) bool { return strings.HasPrefix(p.Name, "fresh") })
			blind.Store(kind)
			fresh := harness.Portal("t14", fmt.Sprintf("fresh%d", i), image(evil))
			env.Create(t, fresh)
			env.Merge(t, portal, `{"spec":{"image":"`+evil+`"}}`)
			if kind == "AgencyPortal" { // it can't even be fetched
				time.Sleep(time.Second)
			} else {
				env.WaitCondition(t, portal, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonLookupFailed)
				env.WaitCondition(t, fresh, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonLookupFailed)
			}
			absent(t, &appsv1.Deployment{ObjectMeta: in("t14", fresh.Name)})
			if d := harness.Stored(t, env, deployment); d.UID != uid || d.Generation != generation || d.DeletionTimestamp != nil {
				t.Errorf("the workload was changed: %+v", d)
			}
			for i := range policies {
				untouched(t, &policies[i])
			}
			for _, p := range policiesOf(t, "t14") {
				if len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 && p.Name != "portal-base" {
					t.Errorf("policy %s opened something", p.Name)
				}
			}
			blind.Store("")
			env.WaitCondition(t, fresh, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonViolation)
			env.Merge(t, portal, `{"spec":{"image":"`+good+`"}}`)
			env.WaitReady(t, portal)
		})
	}
}

// failing is a transport that fails requests that it is told to.
type failing struct {
	next http.RoundTripper
	fail func(*http.Request) bool
	hits atomic.Int64
}

func (f *failing) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.fail(req) {
		f.hits.Add(1)
		return nil, errBlind
	}
	return f.next.RoundTrip(req)
}

// TestThreat14_FailedReadsWhileOffboarding can't list the pods of an agency
// that is removed, or not recheck an object before it is pruned.
// Fails when offboard takes a failed list for "no pods".
func TestThreat14_FailedReadsWhileOffboarding(t *testing.T) {
	operate(t)
	agency := newAgency(t, "u14", func(a *v1alpha1.Agency) { a.Spec.DeletionPolicy = v1alpha1.DeletionDeletePortals })
	foreign := rawPod("u14", "foreign", harness.Image) // what the guards must outlive
	env.Create(t, foreign)
	stopOperator(t)
	f := &failing{fail: func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/namespaces/agency-u14/pods") && r.URL.Query().Get("watch") == ""
	}}
	op := env.Operator(t, harness.OperatorOptions{Transport: func(next harness.Transport) harness.Transport { f.next = next; return f }})
	if err := env.Admin.Delete(t.Context(), agency); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, func() error {
		if f.hits.Load() < 3 {
			return errors.New("the operator does not look")
		}
		return nil
	})
	deny := harness.Stored(t, env, &networkingv1.NetworkPolicy{ObjectMeta: in("u14", "default-deny")})
	if deny.DeletionTimestamp != nil || len(deny.Finalizers) == 0 {
		t.Error("the default deny was given up though pods could not be listed")
	}
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonLookupFailed)
	_ = op.Stop()
	operate(t)
	env.WaitCondition(t, agency, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonForeignWorkloads)
	if err := env.Admin.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	env.WaitGone(t, agency)
}
