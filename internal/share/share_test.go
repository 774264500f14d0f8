package share

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/internal/kinds/kindtest"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

const rooms = "../kinds/*/testdata/golden"

// kept is an object that went through a pool, and what it was before.
type kept struct {
	what      string
	was, here object.Object
}

func keep(p *Pool, what string, o object.Object) kept {
	k := kept{what, o.DeepCopyObject().(object.Object), o}
	p.Object(o)
	return k
}

func check(t *testing.T, all []kept) {
	t.Helper()
	for _, k := range all {
		if !reflect.DeepEqual(k.was, k.here) {
			t.Errorf("%s: %+v became %+v", k.what, k.was, k.here)
		}
	}
}

// TestEveryObjectStaysAsItIs: all that is emitted, and each of it with one thing
// changed, goes through one pool. All of them are to the letter what they were, also
// those that went through first, whose parts the later ones have.
// Fails when equal says yes to parts of one type, or set does to sets of one size.
func TestEveryObjectStaysAsItIs(t *testing.T) {
	p := NewPool()
	seen := map[reflect.Type]int{}
	for _, o := range kindtest.Emitted(t, rooms) {
		// Few of each kind: they are alike, and each has hundreds of mutants.
		if seen[reflect.TypeOf(o)]++; seen[reflect.TypeOf(o)] > 3 {
			continue
		}
		all := []kept{keep(p, o.GetName(), o.DeepCopyObject().(object.Object)), keep(p, o.GetName()+" again", o.DeepCopyObject().(object.Object))}
		kindtest.Mutants(o, func(path string, mutant object.Object) {
			all = append(all, keep(p, o.GetName()+path, mutant), keep(p, o.GetName()+" after"+path, o.DeepCopyObject().(object.Object)))
		})
		if check(t, all); t.Failed() {
			return
		}
	}
}

// TestObjectsOfManyAtOnce: informers of several kinds fill the caches at once.
func TestObjectsOfManyAtOnce(t *testing.T) {
	p := NewPool()
	objects := kindtest.Emitted(t, rooms)
	all := make([][]kept, 8)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			for _, o := range objects {
				all[i] = append(all[i], keep(p, o.GetName(), o.DeepCopyObject().(object.Object)))
			}
		})
	}
	wg.Wait()
	for _, a := range all {
		check(t, a)
	}
}

func policyOf(uid, name string) *networkingv1.NetworkPolicy {
	l := map[string]string{names.LabelManagedBy: names.ManagedBy, names.LabelOwnerUID: uid, names.LabelOwnerName: name}
	yes := true
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: l, OwnerReferences: []metav1.OwnerReference{{Name: name, Controller: &yes}}},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{names.LabelPortal: name}},
			Egress:      make([]networkingv1.NetworkPolicyEgressRule, 1, 4),
			PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"},
		},
	}
}

func same(a, b any) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

// TestSharesWhatIsEqual: what one owner's objects say is held once for the owner, and
// what all say once for all.
// Fails when Object leaves out the family, the references, or the parts.
func TestSharesWhatIsEqual(t *testing.T) {
	p := NewPool()
	a, again, b := policyOf("1", "a"), policyOf("1", "a"), policyOf("2", "b")
	for _, o := range []*networkingv1.NetworkPolicy{a, again, b} {
		p.Object(o)
	}
	if !same(a.Labels, again.Labels) || !same(a.Spec.PodSelector.MatchLabels, again.Spec.PodSelector.MatchLabels) || !same(a.OwnerReferences, again.OwnerReferences) {
		t.Error("what objects of one owner have in common is held twice")
	}
	if same(a.Labels, b.Labels) || same(a.Spec.PodSelector.MatchLabels, b.Spec.PodSelector.MatchLabels) || same(a.OwnerReferences, b.OwnerReferences) {
		t.Error("owners that differ have parts in common")
	}
	if !same(a.Spec.PolicyTypes, b.Spec.PolicyTypes) || !same(a.Spec.Egress, b.Spec.Egress) {
		t.Error("what all have in common is held twice")
	}
	if n := cap(a.Spec.Egress); n != 1 {
		t.Errorf("a list of one has room for %d: who appends to it writes into another object's", n)
	}
	// A reader changes its copy and nothing else.
	mine := a.DeepCopy()
	mine.Labels["a"], mine.Spec.PolicyTypes[0], mine.Spec.PodSelector.MatchLabels["a"] = "b", "Other", "b"
	*mine.OwnerReferences[0].Controller = false
	if want := policyOf("1", "a"); !reflect.DeepEqual(again, want) || !reflect.DeepEqual(a, want) {
		t.Errorf("a change of a copy shows in %+v", again)
	}
}

// TestRemembersNothingHeavy: who writes large parts, and then others, does not fill the
// memory with those that are gone.
// Fails when set, share or meta do not compare with heaviest.
func TestRemembersNothingHeavy(t *testing.T) {
	p := NewPool()
	long := strings.Repeat("x", heaviest+1)
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Labels:          map[string]string{names.LabelOwnerUID: "1", "a": long},
		Annotations:     map[string]string{"a": long},
		Finalizers:      []string{long},
		OwnerReferences: []metav1.OwnerReference{{Name: long}},
	}}
	p.Object(s)
	for _, at := range []any{p.parts[:], p.texts[:], p.families} {
		if strings.Contains(flat(reflect.ValueOf(at), 0), long) {
			t.Errorf("%T remembers a part of %d bytes", at, len(long))
		}
	}
}

// flat has all texts that a value holds.
func flat(v reflect.Value, depth int) string {
	var out strings.Builder
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && depth < 40 {
			return flat(v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			out.WriteString(flat(v.Index(i), depth+1))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.WriteString(flat(v.Field(i), depth+1))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			out.WriteString(flat(it.Key(), depth+1))
			out.WriteString(flat(it.Value(), depth+1))
		}
	}
	return out.String()
}

// TestLeavesOthersAlone: what has no type of its own is kept as it is.
func TestLeavesOthersAlone(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "a"}, "spec": map[string]any{"a": "b"}}}
	want := u.DeepCopy()
	if NewPool().Object(u); !reflect.DeepEqual(u, want) {
		t.Errorf("%v became %v", want, u)
	}
}
