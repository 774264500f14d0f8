// Package seeds proves what the founding documents ask for: one test a row of
// docs/seeds.md, on the national sample as it is delivered and decided about by
// the sample's people on a real control plane.
package seeds

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/reconcile"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 3})
}

// country delivers the national sample once, by its people and with their rights,
// and returns it when all of it is as expected.yaml says. The tests share it: what
// they add is their own, and goes with them.
func country(t *testing.T) sample.Sample {
	t.Helper()
	national, err := deliver()
	if err != nil {
		t.Fatal(err)
	}
	return national
}

var deliver = sync.OnceValues(func() (sample.Sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Timeout)
	defer cancel()
	national, err := sample.Read(filepath.Join(harness.Root(), "config", "samples", "national"))
	if err != nil {
		return national, err
	}
	for _, b := range sample.Bindings() {
		if err := env.Admin.Create(ctx, b); err != nil {
			return national, err
		}
	}
	// It ends with the test's process.
	if _, err := env.StartOperator(ctx, harness.OperatorOptions{}); err != nil {
		return national, err
	}
	people := sample.NewPeople(env.ControlPlane.UserConfig)
	git, officers := sample.NewGitops(national.Objects, people), sample.NewOfficers(national.Decisions, settings.Default(), people)
	for {
		if err := git.Apply(ctx); err != nil {
			return national, err
		}
		officers.Decide(ctx)
		waits := slices.Concat(git.WaitingFor(), officers.WaitingFor(), differences(ctx, national))
		if len(waits) == 0 {
			return national, nil
		}
		select {
		case <-ctx.Done():
			return national, fmt.Errorf("the national sample: %w:\n%s", ctx.Err(), strings.Join(waits, "\n"))
		case <-time.After(200 * time.Millisecond):
		}
	}
})

// differences says what is not as expected.yaml says.
func differences(ctx context.Context, national sample.Sample) []string {
	var out []string
	for _, e := range national.Expected {
		d, err := e.Difference(ctx, env.Admin)
		if err != nil {
			d = err.Error()
		}
		if d != "" {
			out = append(out, e.ID()+": "+d)
		}
	}
	return out
}

// portal makes a portal of an agency, with one pod, that goes when the test ends.
func portal(t *testing.T, agency, name string, modify ...func(*v1alpha1.AgencyPortal)) *v1alpha1.AgencyPortal {
	t.Helper()
	p := harness.Portal(agency, name, func(p *v1alpha1.AgencyPortal) { p.Spec.Replicas.Min = 1 })
	for _, f := range modify {
		f(p)
	}
	create(t, p)
	return p
}

// create creates an object when that of an earlier run, with -count, is gone.
func create(t *testing.T, o client.Object) {
	t.Helper()
	earlier, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	env.WaitGone(t, earlier)
	env.Create(t, o)
}

func uses(platforms ...v1alpha1.ObjectName) func(*v1alpha1.AgencyPortal) {
	return func(p *v1alpha1.AgencyPortal) {
		for _, name := range platforms {
			p.Spec.PlatformRefs = append(p.Spec.PlatformRefs, v1alpha1.PlatformReference{Name: name})
		}
	}
}

func offers(services ...v1alpha1.PublicService) func(*v1alpha1.AgencyPortal) {
	return func(p *v1alpha1.AgencyPortal) { p.Spec.PublicServices = services }
}

// says waits for a condition, and looks for words in its message.
func says(t *testing.T, o reconcile.Object, condition string, status metav1.ConditionStatus, reason string, words ...string) {
	t.Helper()
	env.WaitCondition(t, o, condition, status, reason)
	message := meta.FindStatusCondition(o.GetStatusBase().Conditions, condition).Message
	for _, w := range words {
		if !strings.Contains(message, w) {
			t.Errorf("%s of %T %s does not name %s: %s", condition, o, o.GetName(), w, message)
		}
	}
}

// nothingRuns waits until a portal has neither a workload nor what leads to it.
func nothingRuns(t *testing.T, p *v1alpha1.AgencyPortal) {
	t.Helper()
	for _, o := range []client.Object{&appsv1.Deployment{}, &corev1.Service{}} {
		o.SetNamespace(p.Namespace)
		o.SetName(p.Name)
		env.WaitGone(t, o)
	}
}
