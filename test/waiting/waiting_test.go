package waiting

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
	"github.com/govplatform/govplatform/test/sample"
)

// kindOf names the kind that each row of the table in docs/gitops.md is about.
var kindOf = map[string]string{
	"standards": "SecurityPolicy", "shared platforms": "SharedPlatform", "agencies": "Agency",
	"portals": "AgencyPortal", "data services": "DataService", "links": "DataSharingLink",
}

const (
	// enough is how long a wait goes on that the documentation says ends.
	enough = 2 * time.Minute
	// tooShort is how long one goes on that it says does not end.
	tooShort = 3 * time.Second
)

// delivery delivers groups of the national sample one after the other, each only when
// kstatus calls all of the one before current, as a tool does that waits.
type delivery struct {
	objects map[string][]*unstructured.Unstructured
	// awaited are the objects that can become ready at all.
	awaited map[string]bool
	// needs are the groups without which a wait does not end, as documented.
	needs map[string][]string
	// tried is what was seen of a group after others: "" or why the wait did not end.
	tried map[string]string
}

// TestWaitingInEveryOrder delivers the sample's groups, waiting for each, and tries
// after whatever came every group that may come next: all 720 orders consist of such
// steps, up to the first wait that does not end, where a tool stops. No wait goes
// round in circles: those that do not end are the ones in docs/gitops.md.
func TestWaitingInEveryOrder(t *testing.T) {
	env.Operator(t, harness.OperatorOptions{})
	env.WaitEmpty(t)
	d := newDelivery(t)
	d.explore(t, nil)
	complete, orders := 0, permutations(slices.Sorted(maps.Keys(kindOf)))
	for _, order := range orders {
		ends := 0
		for i, group := range order {
			why, ok := d.tried[step(order[:i], group)]
			if !ok {
				t.Errorf("%s after %v was not tried", group, order[:i])
			}
			if why != "" || !ok {
				break
			}
			ends++
		}
		if ends == len(order) {
			complete++
		}
	}
	t.Logf("%d of %d orders end; %d steps were tried", complete, len(orders), len(d.tried))
	if complete == 0 {
		t.Error("there is no order in which every wait ends")
	}
}

func newDelivery(t *testing.T) *delivery {
	t.Helper()
	s, err := sample.Read(filepath.Join(harness.Root(), "config", "samples", "national"))
	if err != nil {
		t.Fatal(err)
	}
	d := &delivery{objects: map[string][]*unstructured.Unstructured{}, awaited: map[string]bool{}, needs: documentedNeeds(t), tried: map[string]string{}}
	expected := map[string]sample.Expectation{}
	for _, e := range s.Expected {
		expected[e.Kind+" "+e.Namespace+"/"+e.Name] = e
	}
	for _, o := range s.Objects {
		e := expected[nameOf(o)]
		if e.Reason == v1alpha1.ReasonViolation || o.GetKind() == "DataSharingLink" && e.Ready != "True" {
			continue // What violates a standard, and links that nobody approves, are never ready.
		}
		for group, kind := range kindOf {
			if kind == o.GetKind() {
				d.objects[group] = append(d.objects[group], o)
			}
		}
		d.awaited[nameOf(o)] = e.Ready == "True"
	}
	return d
}

func nameOf(o client.Object) string {
	return o.GetObjectKind().GroupVersionKind().Kind + " " + o.GetNamespace() + "/" + o.GetName()
}

// documentedNeeds reads the table "What may be waited for" of docs/gitops.md.
func documentedNeeds(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "docs", "gitops.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \| ([a-z, –]+) \|`).FindAllStringSubmatch(string(text), -1) {
		if kindOf[row[1]] == "" {
			continue
		}
		out[row[1]] = nil
		for need := range strings.SplitSeq(row[2], ", ") {
			if need != "–" {
				out[row[1]] = append(out[row[1]], need)
			}
		}
	}
	if len(out) != len(kindOf) {
		t.Fatalf("docs/gitops.md says of %d groups what their waits need, want %d", len(out), len(kindOf))
	}
	return out
}

// ends reports whether the documentation says that the wait for a group ends.
func (d *delivery) ends(done []string, group string) bool {
	return !slices.ContainsFunc(d.needs[group], func(n string) bool { return !slices.Contains(done, n) })
}

// explore tries each group that is not delivered yet, goes on from there, and takes it
// back.
func (d *delivery) explore(t *testing.T, done []string) {
	for _, group := range slices.Sorted(maps.Keys(kindOf)) {
		key := step(done, group)
		if _, ok := d.tried[key]; ok || slices.Contains(done, group) {
			continue
		}
		if !d.ends(done, group) {
			d.tried[key] = d.tooEarly(t, done, group)
			continue
		}
		started := time.Now()
		if err := d.deliver(t, group, enough); err != nil {
			t.Fatalf("%s after %v: %v", group, done, err)
		}
		t.Logf("%s after %v: current within %s", group, done, time.Since(started).Round(100*time.Millisecond))
		d.tried[key] = ""
		d.explore(t, append(slices.Clone(done), group))
		d.takeBack(t, group)
	}
}

// tooEarly delivers a group that others must precede, takes it back, and returns why
// its wait did not end.
func (d *delivery) tooEarly(t *testing.T, done []string, group string) string {
	t.Helper()
	err := d.deliver(t, group, tooShort)
	if err == nil {
		t.Errorf("%s after %v: the wait ends, and docs/gitops.md says that it needs %v", group, done, d.needs[group])
		return "it ended"
	}
	t.Logf("%s after %v: %v", group, done, err)
	d.takeBack(t, group)
	return err.Error()
}

// takeBack removes a group and waits until it is gone, which takes a while of agencies:
// Kubernetes empties their namespaces.
func (d *delivery) takeBack(t *testing.T, group string) {
	t.Helper()
	if group == "links" {
		// The authority's agency stays as long as it has decided about something.
		if err := env.Admin.DeleteAllOf(t.Context(), &v1alpha1.DataSharingApproval{}, client.InNamespace(names.Namespace(settings.Default().AuthorityAgency))); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range d.objects[group] {
		if group == "agencies" {
			patch := harness.MergePatch(`{"spec":{"deletionPolicy":"DeletePortals"}}`)
			if err := env.Admin.Patch(t.Context(), o.DeepCopy(), patch); err != nil {
				t.Fatal(err)
			}
		}
		if err := env.Admin.Delete(t.Context(), o.DeepCopy()); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(2 * enough); ; time.Sleep(50 * time.Millisecond) {
		left := slices.IndexFunc(d.objects[group], func(o *unstructured.Unstructured) bool {
			return !apierrors.IsNotFound(env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), o.DeepCopy()))
		})
		switch {
		case left < 0:
			return
		case time.Now().After(end):
			t.Fatalf("%s is still there", nameOf(d.objects[group][left]))
		}
	}
}

// deliver applies a group and waits until all of it is current.
func (d *delivery) deliver(t *testing.T, group string, patience time.Duration) error {
	t.Helper()
	for _, o := range d.objects[group] {
		if err := env.Admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("gitops"), client.ForceOwnership); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := d.current(t, group)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// current returns the first object of a group that kstatus does not call current.
// People decide about links as soon as there is something to decide about.
func (d *delivery) current(t *testing.T, group string) error {
	t.Helper()
	var first error
	for _, o := range d.objects[group] {
		got := o.DeepCopy()
		if err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), got); err != nil {
			return err
		}
		if got.GetKind() == "DataSharingLink" {
			approve(t, got)
		}
		result, err := kstatus.Compute(got)
		if err != nil {
			return err
		}
		if first == nil && d.awaited[nameOf(o)] && result.Status != kstatus.CurrentStatus {
			first = fmt.Errorf("%s is %s: %s", nameOf(o), result.Status, result.Message)
		}
	}
	return first
}

// approve gives both approvals of a link's present scope.
func approve(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	provider, _, _ := unstructured.NestedString(o.Object, "spec", "provider", "agency")
	hash, _, _ := unstructured.NestedString(o.Object, "status", "specHash")
	if hash == "" {
		return
	}
	l := &v1alpha1.DataSharingLink{}
	l.Namespace, l.Name, l.Status.SpecHash = o.GetNamespace(), o.GetName(), hash
	for _, agency := range []string{provider, settings.Default().AuthorityAgency} {
		a := harness.Approval(agency, l, v1alpha1.DecisionApprove)
		present := a.DeepCopy()
		err := env.Admin.Get(t.Context(), client.ObjectKeyFromObject(a), present)
		switch {
		case apierrors.IsNotFound(err):
			err = env.As(a).Create(t.Context(), a)
		case err == nil && present.Spec.SpecHash != hash:
			env.Edit(t, present, func() { present.Spec.SpecHash = hash })
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// step names a group that comes after others, whose order does not matter.
func step(done []string, group string) string {
	return strings.Join(slices.Sorted(slices.Values(done)), "+") + " > " + group
}

func permutations(items []string) [][]string {
	if len(items) == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for i, first := range items {
		rest := slices.Delete(slices.Clone(items), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]string{first}, p...))
		}
	}
	return out
}
