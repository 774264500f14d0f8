package tally_test

import (
	"errors"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/tally"
)

// TestTally: each object is counted by all that it says, as it says it now, and only while
// it is there; nothing is counted by what is no field.
// Fails when Count keeps values that nobody has any more, or Number answers for an unknown field.
func TestTally(t *testing.T) {
	account := func(namespace, name string, says ...string) *corev1.ServiceAccount {
		a := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		for _, s := range says {
			a.Secrets = append(a.Secrets, corev1.ObjectReference{Name: s})
		}
		return a
	}
	says := tally.Field{Name: "says", Values: func(o client.Object) (out []string) {
		for _, s := range o.(*corev1.ServiceAccount).Secrets {
			out = append(out, s.Name)
		}
		return out
	}}
	beside := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, tally.Indexers(beside, says))
	if len(beside) != 1 {
		t.Error("the indexes of others are changed in place")
	}
	failure := errors.New("down")
	counts := tally.Stores(func(kind string) (cache.Indexer, error) {
		if kind != "ServiceAccount" {
			return nil, failure
		}
		return store, nil
	})
	want := func(what string, want map[string]int) {
		t.Helper()
		got, err := counts.Count("ServiceAccount", "says")
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", what, got, err, want)
		}
		for value, n := range want {
			if got, err := counts.Number("ServiceAccount", "says", value); got != n || err != nil {
				t.Errorf("%s: %d say %s, %v, want %d", what, got, value, err, n)
			}
			if got, err := counts.Having("ServiceAccount", "says", value); len(got) != n || err != nil {
				t.Errorf("%s: %v say %s, %v, want %d", what, got, value, err, n)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(store.Add(account("a", "one", "yes", "maybe")))
	must(store.Add(account("b", "one", "yes")))
	must(store.Add(account("b", "mute")))
	want("at first", map[string]int{"yes": 2, "maybe": 1})
	must(store.Update(account("a", "one", "no")))
	want("changed", map[string]int{"yes": 1, "no": 1})
	must(store.Replace([]any{account("a", "one", "no"), account("c", "one", "no")}, "2"))
	want("listed anew", map[string]int{"no": 2})
	must(store.Delete(account("a", "one", "no")))
	want("deleted", map[string]int{"no": 1})
	if n, err := counts.Number("ServiceAccount", "says", "never"); n != 0 || err != nil {
		t.Errorf("what nobody says: %d, %v", n, err)
	}
	if _, err := counts.Count("ServiceAccount", "thinks"); err == nil {
		t.Error("counted by what is no field, as nothing")
	}
	if _, err := counts.Number("ServiceAccount", "thinks", "no"); err == nil {
		t.Error("counted by what is no field")
	}
	if _, err := counts.Having("ServiceAccount", "thinks", "no"); err == nil {
		t.Error("found by what is no field")
	}
	if _, err := counts.Count("Pod", "says"); !errors.Is(err, failure) {
		t.Errorf("without a store: %v", err)
	}
}
