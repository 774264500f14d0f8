package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/lease"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/tally"
)

// fill runs an informer until the test ends, and waits until it is filled.
func fill(t *testing.T, i cache.SharedIndexInformer) {
	t.Helper()
	go i.RunWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), i.HasSynced) {
		t.Fatal("the cache is not filled")
	}
}

// TestMarked finds what caches have of an owner, of every kind that is emitted and in every
// namespace, and fails where a cache is not filled or is none of the operator's own.
// Fails when tracked indexes nothing, or takes any cache, and when store does not ask
// whether the cache is filled.
func TestMarked(t *testing.T) {
	web := names.Owner{Kind: "AgencyPortal", Namespace: "agency-a", Name: "web", UID: "1"}
	earlier, other := web, web
	earlier.UID, other.Name = "0", "other"
	for _, row := range child.Rows() {
		source := cachetesting.NewFakeControllerSource()
		add := func(owner names.Owner, namespace, name string) {
			o := row.New()
			o.SetNamespace(namespace)
			o.SetName(name)
			o.SetLabels(owner.Labels())
			source.Add(o)
		}
		add(web, "agency-a", "web")
		add(web, "agency-b", "way")
		add(earlier, "agency-a", "left")
		add(other, "agency-a", "other")
		marked := func(known *informers) ([]client.Object, error) {
			return tally.Stores(known.store).Having(row.GVK.Kind, names.IndexOwner, web.Key())
		}
		known := newInformers()
		known.tracked("foreign ")(source, row.New(), 0, cache.Indexers{})
		if _, err := marked(known); err == nil {
			t.Fatalf("%s: found in a cache of what is not the operator's", row.GVK.Kind)
		}
		i := known.tracked("")(source, row.New(), 0, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		if _, err := marked(known); err == nil {
			t.Fatalf("%s: found in a cache that is not filled", row.GVK.Kind)
		}
		fill(t, i)
		found, err := marked(known)
		if err != nil {
			t.Fatal(err)
		}
		got := map[client.ObjectKey]bool{}
		for _, o := range found {
			got[client.ObjectKeyFromObject(o)] = true
		}
		if len(got) != 3 || !got[client.ObjectKey{Namespace: "agency-a", Name: "web"}] || !got[client.ObjectKey{Namespace: "agency-b", Name: "way"}] || !got[client.ObjectKey{Namespace: "agency-a", Name: "left"}] {
			t.Errorf("%s: found %v, want what says that it is of the owner, or of an earlier one", row.GVK.Kind, got)
		}
	}
}

// TestEveryKindIsTallied: the caches of the platform's kinds are counted by, and no two
// kinds are one to them.
// Fails when countedBy leaves out the platform's kinds.
func TestEveryKindIsTallied(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range child.Rows() {
		seen[row.GVK.Kind] = true
	}
	for _, d := range kinds.All() {
		if seen[d.Kind] {
			t.Errorf("two kinds are called %s", d.Kind)
		}
		seen[d.Kind] = true
		source, known := cachetesting.NewFakeControllerSource(), newInformers()
		o := d.New()
		o.SetName("one")
		source.Add(o)
		if _, err := known.store(d.Kind); err == nil || errors.Is(err, tally.ErrNotFilled) {
			t.Errorf("%s: without a cache it is %v", d.Kind, err)
		}
		i := known.tracked("")(source, d.New(), 0, cache.Indexers{})
		if _, err := known.store(d.Kind); !errors.Is(err, tally.ErrNotFilled) {
			t.Errorf("%s: before its cache is filled it is %v", d.Kind, err)
		}
		fill(t, i)
		counted, err := tally.Stores(known.store).Count(d.Kind, names.TallyReady)
		if err != nil || len(counted) != 1 {
			t.Errorf("%s: %v, %v", d.Kind, counted, err)
		}
	}
	if want := len(child.Rows()) + len(kinds.All()); len(seen) != want {
		t.Errorf("%d names for %d kinds", len(seen), want)
	}
}

// stoppable runs until it is told to end.
type stoppable struct{ ctrl.Manager }

func (stoppable) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// TestStopAtTheEndOfAStart: an operator whose caches are filled ends as it should when it
// is told to in the moment before it looks at them again, and one whose caches are not is left.
// Fails when Start does not look again.
func TestStopAtTheEndOfAStart(t *testing.T) {
	for name, filled := range map[string]bool{"filled meanwhile": true, "not filled": false} {
		ctx, stop := context.WithCancel(t.Context())
		o := &Operator{Manager: stoppable{}, StartTimeout: time.Minute, began: time.Now(), informers: newInformers(), gate: &lease.Gate{Free: true}, definitions: &definitions{}}
		looked := 0
		o.informers.add("Deployment", func() bool {
			looked++
			if looked == 1 {
				stop()
			}
			return filled && looked > 1
		})
		if err := o.Start(ctx); (err == nil) != filled {
			t.Errorf("%s: %v", name, err)
		}
	}
}
