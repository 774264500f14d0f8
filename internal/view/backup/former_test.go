package backup

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/agency"
)

// TestRestoreWritesOnlyWhatWasInForce: what waited for a second person in the old
// cluster is not written, and is named.
func TestRestoreWritesOnlyWhatWasInForce(t *testing.T) {
	inForce := &v1alpha1.GrantedRights{AgencyRights: v1alpha1.AgencyRights{AdminGroups: []v1alpha1.GroupName{"a", "gone"}}}
	for name, tt := range map[string]struct {
		status v1alpha1.AgencyStatus
		groups []string
		waits  []string
	}{
		"some wait":                    {v1alpha1.AgencyStatus{Namespace: "agency-x", Rights: inForce}, []string{"a"}, []string{"adminGroups b", "viewerGroups v"}},
		"nothing in force":             {v1alpha1.AgencyStatus{Namespace: "agency-x", Rights: &v1alpha1.GrantedRights{}}, nil, []string{"adminGroups a", "adminGroups b", "viewerGroups v"}},
		"no operator looked":           {v1alpha1.AgencyStatus{}, nil, []string{"adminGroups a", "adminGroups b", "viewerGroups v"}},
		"an operator without a record": {v1alpha1.AgencyStatus{Namespace: "agency-x"}, []string{"a", "b"}, nil},
	} {
		a := &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Status: tt.status}
		a.Spec.AdminGroups, a.Spec.ViewerGroups = []v1alpha1.GroupName{"a", "b"}, []v1alpha1.GroupName{"v"}
		a.Spec.RightsChange = &v1alpha1.RightsChange{RequestedBy: "mai"}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
		if err != nil {
			t.Fatal(err)
		}
		var plan Plan
		written, err := plan.onlyRightsInForce([]*unstructured.Unstructured{{Object: content}})
		if err != nil {
			t.Fatal(err)
		}
		want, waits := written[0], []string(nil)
		for _, w := range plan.Rights {
			waits = append(waits, agency.RightsList(w.Rights)...)
		}
		if diff := cmp.Diff(tt.waits, waits); diff != "" {
			t.Errorf("%s: waits (-want +got):\n%s", name, diff)
		}
		groups, _, _ := unstructured.NestedStringSlice(want.Object, "spec", "adminGroups")
		if diff := cmp.Diff(tt.groups, groups); diff != "" {
			t.Errorf("%s: written (-want +got):\n%s", name, diff)
		}
		if _, asks, _ := unstructured.NestedMap(want.Object, "spec", "rightsChange"); asks != (tt.waits == nil) {
			t.Errorf("%s: rightsChange is written: %v", name, asks)
		}
	}
}

// exportedObject is an object of an export.
func exportedObject(kind, namespace, name string, spec, status map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec, "status": status}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// imagesOf returns the images, in order, of what a phase of a plan brings.
func imagesOf(items []*unstructured.Unstructured) []string {
	var out []string
	for _, u := range items {
		image, _, _ := unstructured.NestedString(u.Object, "spec", "image")
		out = append(out, u.GetName()+" "+image)
	}
	return out
}

// TestPlanBringsFirstWhatRan: a portal comes as it ran and then as it is asked
// for. One that never ran comes late, and with it a younger one with its host
// name, which would get the name otherwise.
func TestPlanBringsFirstWhatRan(t *testing.T) {
	portal := func(name, image, last, created string, hosts ...any) *unstructured.Unstructured {
		status := map[string]any{}
		if last != "" {
			status["lastCompliant"] = map[string]any{"image": last, "hostnames": hosts}
		}
		u := exportedObject("AgencyPortal", "agency-a", name, map[string]any{"image": image, "hostnames": hosts}, status)
		_ = unstructured.SetNestedField(u.Object, created, "metadata", "creationTimestamp")
		return u
	}
	e := &Export{}
	for _, u := range []*unstructured.Unstructured{
		portal("a-younger", "1", "1", "2026-01-01T00:00:03Z", "www"), portal("b-changed", "2", "1", "2026-01-01T00:00:02Z"),
		portal("c-runs", "1", "1", "2026-01-01T00:00:00Z"), portal("d-never-ran", "1", "", "2026-01-01T00:00:01Z", "www"),
	} {
		e.Objects = append(e.Objects, u.Object)
	}
	p, err := NewPlan(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := imagesOf(p.Ran), []string{"c-runs 1", "b-changed 1"}; !slices.Equal(got, want) {
		t.Errorf("first %q, want %q", got, want)
	}
	if got, want := imagesOf(p.Phases[6].Items), []string{"d-never-ran 1", "b-changed 2", "a-younger 1"}; !slices.Equal(got, want) {
		t.Errorf("then %q, want %q", got, want)
	}
}

// TestPlanBringsFirstWhatWasInForce: a held standard comes with the spec in
// force, and with the statement that is used up, which is forgotten without it.
func TestPlanBringsFirstWhatWasInForce(t *testing.T) {
	stated := map[string]any{"portals": int64(1), "links": int64(0)}
	e := &Export{Objects: []map[string]any{
		exportedObject("SecurityPolicy", "", "calm", map[string]any{}, map[string]any{"inForce": map[string]any{"mode": "Enforce"}}).Object,
		exportedObject("SecurityPolicy", "", "held", map[string]any{"mode": "Enforce", "acceptedImpact": stated}, map[string]any{"inForce": map[string]any{"mode": "Audit"}, "usedAcceptance": stated, "impact": map[string]any{"portals": int64(2)}}).Object,
		exportedObject("SecurityPolicy", "", "new", map[string]any{"mode": "Enforce"}, map[string]any{"impact": map[string]any{"portals": int64(2)}}).Object,
	}}
	p, err := NewPlan(e)
	if err != nil {
		t.Fatal(err)
	}
	modes := func(items []*unstructured.Unstructured) (out []string) {
		for _, u := range items {
			mode, _, _ := unstructured.NestedString(u.Object, "spec", "mode")
			_, accepts, _ := unstructured.NestedMap(u.Object, "spec", "acceptedImpact")
			out = append(out, strings.TrimSpace(u.GetName()+" "+mode))
			if accepts {
				out = append(out, "accepts")
			}
		}
		return out
	}
	if got, want := modes(p.Standards), []string{"calm", "held Audit", "accepts"}; !slices.Equal(got, want) {
		t.Errorf("first %q, want %q", got, want)
	}
	if got, want := modes(p.NewStandards), []string{"held Enforce", "accepts", "new Enforce"}; !slices.Equal(got, want) {
		t.Errorf("then %q, want %q", got, want)
	}
}

// TestPlanGivesNoRightsThatWaited fails where an agency is restored as it is.
func TestPlanGivesNoRightsThatWaited(t *testing.T) {
	spec := func() map[string]any {
		return map[string]any{"adminGroups": []any{"old", "new"}, "viewerGroups": []any{"new"}, "code": "A", "rightsChange": map[string]any{"requestedBy": "an"}}
	}
	e := &Export{Objects: []map[string]any{
		exportedObject("Agency", "", "a", spec(), map[string]any{"rights": map[string]any{"adminGroups": []any{"old"}, "since": "2026-01-01T00:00:00Z"}}).Object,
		exportedObject("Agency", "", "unrecorded", spec(), map[string]any{"namespace": "agency-unrecorded"}).Object,
	}}
	p, err := NewPlan(e)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"adminGroups": []any{"old"}, "code": "A"}, spec()}
	for i, u := range p.Phases[1].Items {
		if !reflect.DeepEqual(u.Object["spec"], want[i]) {
			t.Errorf("%s comes as %v, want %v", u.GetName(), u.Object["spec"], want[i])
		}
	}
	if len(p.Rights) != 1 || p.Rights[0].By != "an" || len(p.Rights[0].Rights.AdminGroups) != 1 || len(p.Rights[0].Rights.ViewerGroups) != 1 {
		t.Errorf("left out are %+v", p.Rights)
	}
}
