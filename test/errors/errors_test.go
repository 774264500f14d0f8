// Package errors tests that every mistake of config/samples/errors is answered
// by one sentence that names field, cause and remedy.
package errors

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/test/controlplane"
	"github.com/govplatform/govplatform/test/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	harness.Main(m, &env, controlplane.Options{ControllerManager: true, Scheduler: true, SimulatedNodes: 1})
}

// mistake is one file of config/samples/errors.
type mistake struct {
	name string
	// answer is a part of what the user is told; "..." stands for anything.
	answer string
	// condition is the reason of Ready; empty when the API server answers.
	condition string
	// verb is what is done to an object that is in use; empty for a new one.
	verb   string
	object *unstructured.Unstructured
}

func readMistakes(t *testing.T) []mistake {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(), "config", "samples", "errors", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the samples: %d files, %v", len(files), err)
	}
	var out []mistake
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := mistake{name: strings.TrimSuffix(filepath.Base(file), ".yaml"), object: &unstructured.Unstructured{}}
		for _, line := range strings.Split(string(data), "\n") {
			if answer, ok := strings.CutPrefix(line, "# answer: "); ok {
				m.answer = answer
			}
			if condition, ok := strings.CutPrefix(line, "# condition: "); ok {
				m.condition = condition
			}
			if verb, ok := strings.CutPrefix(line, "# verb: "); ok {
				m.verb = verb
			}
		}
		if m.answer == "" {
			t.Errorf("%s has no line \"# answer: ...\"", file)
		}
		if err := yaml.UnmarshalStrict(data, &m.object.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, m)
	}
	return out
}

func (m mistake) matches(message string) bool {
	parts := strings.Split(m.answer, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(strings.TrimSpace(parts[i]))
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).MatchString(message)
}

func apply(ctx context.Context, o *unstructured.Unstructured) error {
	return env.Admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("test"), client.ForceOwnership)
}

func TestMistakesAreAnswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	operator, err := env.StartOperator(ctx, harness.OperatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := operator.Stop(); err != nil {
			t.Errorf("stop the operator: %v", err)
		}
	}()
	applyNational(ctx, t)
	root := mayDoEverything(ctx, t)

	for _, m := range readMistakes(t) {
		t.Run(m.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(ctx, harness.Timeout)
			defer cancel()
			if m.verb != "" {
				m.assertKept(ctx, t, root)
				return
			}
			err := apply(ctx, m.object)
			if m.condition == "" {
				m.assertRefused(ctx, t, err)
				return
			}
			if err != nil {
				t.Fatalf("the API server refused what only the operator can decide: %v", err)
			}
			m.assertCondition(ctx, t)
			if err := env.Admin.Delete(ctx, m.object.DeepCopy()); err != nil {
				t.Fatal(err)
			}
			m.waitGone(ctx, t)
		})
	}
}

// applyNational applies what the mistakes refer to: agencies, standards,
// platforms, and the portals and services of the links among the mistakes.
func applyNational(ctx context.Context, t *testing.T) {
	t.Helper()
	objects, err := harness.Render("config/samples/national")
	if err != nil {
		t.Fatal(err)
	}
	portals := []string{"population-db", "civil-status", "ndxp"}
	var namespaced []*unstructured.Unstructured
	for _, o := range objects {
		switch {
		case o.GetNamespace() == "":
			if err := apply(ctx, o); err != nil {
				t.Fatalf("apply %s %s: %v", o.GetKind(), o.GetName(), err)
			}
		case o.GetKind() == "DataService", o.GetKind() == "AgencyPortal" && slices.Contains(portals, o.GetName()):
			namespaced = append(namespaced, o)
		}
	}
	for _, name := range []string{"agency-finance", "agency-justice"} {
		for env.Admin.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}) != nil {
			wait(ctx, t, "namespace "+name)
		}
	}
	for _, o := range namespaced {
		for apply(ctx, o) != nil {
			wait(ctx, t, o.GetKind()+" "+o.GetName())
		}
	}
}

func (m mistake) assertRefused(ctx context.Context, t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, expected %q", m.answer)
	}
	message := err.Error()
	if !m.matches(message) {
		t.Errorf("answer:\n  %s\nexpected in it:\n  %s", message, m.answer)
	}
	if strings.Contains(message, "\n") {
		t.Errorf("the answer has several lines:\n%s", message)
	}
	// What was refused must not exist all the same.
	stored := m.object.DeepCopy()
	if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(stored), stored); !apierrors.IsNotFound(err) {
		t.Errorf("it was stored although it was refused (%v)", err)
	}
}

// mayDoEverything returns a client of a user with every right who is no member of
// system:masters, for whom no admission policy holds.
func mayDoEverything(ctx context.Context, t *testing.T) client.Client {
	t.Helper()
	if err := env.Admin.Create(ctx, harness.Everywhere("root", "cluster-admin", "root")); err != nil {
		t.Fatal(err)
	}
	root := env.User(t, "root")
	for root.List(ctx, &v1alpha1.SharedPlatformList{}) != nil {
		wait(ctx, t, "the rights of root")
	}
	return root
}

// assertKept tries, without an effect, to change or delete what is there until the
// answer is the expected one: use is observed some moments after the start.
func (m mistake) assertKept(ctx context.Context, t *testing.T, root client.Client) {
	t.Helper()
	for {
		o := m.object.DeepCopy()
		var err error
		switch m.verb {
		case "update":
			err = root.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
		case "delete":
			err = root.Delete(ctx, o, client.DryRunAll)
		default:
			t.Fatalf("the verb %q is not known", m.verb)
		}
		if apierrors.IsForbidden(err) && m.matches(err.Error()) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("answer:\n  %v\nexpected in it:\n  %s", err, m.answer)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m mistake) assertCondition(ctx context.Context, t *testing.T) {
	t.Helper()
	var last *metav1.Condition
	for {
		ready, generation := m.ready(ctx, t)
		if ready != nil {
			last = ready
			if ready.ObservedGeneration == generation && ready.Status != metav1.ConditionTrue && ready.Reason == m.condition && m.matches(ready.Message) {
				if strings.Contains(ready.Message, "\n") {
					t.Errorf("the message has several lines:\n%s", ready.Message)
				}
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Ready is %+v\nexpected reason %s with %q; an object of config/samples/national that the answer rests on is applied in applyNational", last, m.condition, m.answer)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m mistake) ready(ctx context.Context, t *testing.T) (*metav1.Condition, int64) {
	t.Helper()
	stored := m.object.DeepCopy()
	if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(stored), stored); err != nil {
		t.Fatal(err)
	}
	var status struct {
		Status v1alpha1.StatusBase `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(stored.Object, &status); err != nil {
		t.Fatal(err)
	}
	return meta.FindStatusCondition(status.Status.Conditions, v1alpha1.ConditionReady), stored.GetGeneration()
}

func (m mistake) waitGone(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		stored := m.object.DeepCopy()
		if err := env.Admin.Get(ctx, client.ObjectKeyFromObject(stored), stored); apierrors.IsNotFound(err) {
			return
		}
		wait(ctx, t, "the deletion of "+m.name)
	}
}

func wait(ctx context.Context, t *testing.T, what string) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatalf("timed out waiting for %s", what)
	case <-time.After(50 * time.Millisecond):
	}
}

// TestEveryFileIsTried keeps the README's promise: files of another ending
// would go unnoticed.
func TestEveryFileIsTried(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(harness.Root(), "config", "samples", "errors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{".yaml", ".md"}, filepath.Ext(e.Name())) {
			t.Errorf("%s is neither a sample nor the README", e.Name())
		}
	}
}
