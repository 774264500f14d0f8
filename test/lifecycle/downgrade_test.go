package lifecycle

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/test/harness"
)

// TestDowngrade applies the released definitions over the present ones while objects live. The operator that runs ends,
// a new one does not start, and neither touches anything. When config/crd is applied again all is as before.
// Fails without the checks of definitions in controllers/start.go and definitions.go: the operator runs on and writes
// status that the API server cuts down to what the old definitions know.
func TestDowngrade(t *testing.T) {
	env := start(t)
	op := env.Operator(t, harness.OperatorOptions{})
	world(t, env)
	op.WaitQuiet(t, quiet)
	before, versions, specs := kept(t, env), versionsOf(t, env), statusOf(t, env)

	old := definitionsOnly(parse(t, read(t, "manifests.yaml")))
	applyAll(t, env, old)
	select {
	case <-op.Done():
	case <-time.After(harness.Timeout):
		t.Fatal("the operator goes on over the released definitions")
	}
	// One reason is enough for it; a start looks at all definitions.
	wantOlder(t, op.Stop(), ".platform.gov.vn")
	counter := harness.NewCounter()
	again, err := env.StartOperator(t.Context(), harness.OperatorOptions{Transport: counter.Wrap})
	if err == nil {
		_ = again.Stop()
		t.Fatal("the operator starts over the released definitions")
	}
	wantOlder(t, err, "agencyportals.platform.gov.vn", "agencies.platform.gov.vn")
	if w := counter.Writes(); len(w) > 0 {
		t.Errorf("it wrote:%s", harness.String(w))
	}
	if diff := cmp.Diff(versions, versionsOf(t, env)); diff != "" {
		t.Errorf("resource versions (-before +after):\n%s", diff)
	}

	present, err := harness.Render("config/crd")
	if err != nil {
		t.Fatal(err)
	}
	applyAll(t, env, definitionsOnly(present))
	harness.Eventually(t, func() error {
		if diff := cmp.Diff(specs, statusOf(t, env)); diff != "" {
			return errors.New("status (-before the downgrade +after the upgrade):\n" + diff)
		}
		return nil
	})
	op = env.Operator(t, harness.OperatorOptions{})
	env.WaitReady(t, harness.Agency("asks", ""), harness.Agency("gives", ""), harness.Portal("asks", "consumer"), harness.Portal("gives", "provider"), linkNamed("kept"))
	env.WaitCondition(t, harness.Portal("asks", "violator"), v1alpha1.ConditionPolicyCompliant, metav1.ConditionFalse, v1alpha1.ReasonKeptLastCompliant)
	env.WaitCondition(t, linkNamed("halted"), v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLinkSuspended)
	op.WaitQuiet(t, quiet)
	if diff := cmp.Diff(before, kept(t, env)); diff != "" {
		t.Errorf("UIDs (-before +after):\n%s", diff)
	}
}

func definitionsOnly(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			out = append(out, o)
		}
	}
	return out
}

func wantOlder(t *testing.T, err error, definitions ...string) {
	t.Helper()
	parts := []string{"kubectl apply --server-side -k config/crd"}
	for _, d := range definitions {
		parts = append(parts, d+" is older than the operator")
	}
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("ended with %v, which does not say %q", err, part)
		}
	}
}

// versionsOf returns the resource versions of what the operator writes, and of the platform's objects. The status of
// Deployments and the like is written by Kubernetes, so a world at rest is asked for.
func versionsOf(t *testing.T, env *harness.Env) map[string]string {
	t.Helper()
	out := map[string]string{}
	children, err := env.Children(t.Context(), func(client.Object) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range children {
		if kind := o.GetObjectKind().GroupVersionKind().Kind; kind != "Namespace" && kind != "ResourceQuota" && kind != "HorizontalPodAutoscaler" {
			out[kind+" "+o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
		}
	}
	for _, d := range kinds.All() {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(d.ListGVK())
		harness.Eventually(t, func() error { return env.Admin.List(t.Context(), list) })
		for i := range list.Items {
			out[d.Kind+" "+list.Items[i].Namespace+"/"+list.Items[i].Name] = list.Items[i].ResourceVersion
		}
	}
	return out
}

// statusOf returns what the operator has recorded about the portals of the world, as the API server gives it.
func statusOf(t *testing.T, env *harness.Env) map[string]any {
	t.Helper()
	out := map[string]any{}
	for agency, portals := range map[string][]string{"asks": {"consumer", "violator"}, "gives": {"provider"}} {
		for _, name := range portals {
			p := &unstructured.Unstructured{}
			p.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AgencyPortal"))
			harness.Eventually(t, func() error {
				return env.Admin.Get(t.Context(), client.ObjectKey{Namespace: names.Namespace(agency), Name: name}, p)
			})
			out[name] = p.Object["status"]
		}
	}
	return out
}
