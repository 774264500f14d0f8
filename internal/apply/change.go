package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
)

// Deed is what a round did to a child.
type Deed string

// What a round does to children.
const (
	// Created is a child that its owner did not have.
	Created Deed = "Created"
	// Restored is a child that somebody had removed.
	Restored Deed = "Restored"
	// Changed is a child that was not as it should be, be it that somebody had
	// changed it or that it should be otherwise now: see Change.By.
	Changed Deed = "Changed"
	// Removed is a child that its owner should not have any more.
	Removed Deed = "Removed"
)

// Change is one child that a round wrote or removed.
type Change struct {
	Did             Deed
	GVK             schema.GroupVersionKind
	Namespace, Name string
	// before and after are the child as it was, with the version that an update
	// replaced, and as it was made.
	before, after object.Object
	live          client.Reader
	// wanted says whether the child should be otherwise than in its owner's last round.
	wanted wanted
}

// Asked reports whether the child should be otherwise than in its owner's last round, and
// whether that is known.
func (c Change) Asked() (asked, known bool) { return c.wanted == otherwise, c.wanted != unknown }

// Version is the one that an update replaced; empty for what was made or removed.
func (c Change) Version() string {
	if c.before == nil {
		return ""
	}
	return c.before.GetResourceVersion()
}

// String names the child.
func (c Change) String() string {
	if c.Namespace == "" {
		return c.GVK.Kind + " " + c.Name
	}
	return c.GVK.Kind + " " + c.Namespace + "/" + c.Name
}

// By names the field managers that had written what the update changed, and where;
// empty when nobody else had, or when the API server does not know any more. It asks
// for the version that was replaced, so nothing that closes needs to wait for the
// question. A manager's name is what whoever wrote says of itself.
func (c Change) By(ctx context.Context) string {
	if c.before == nil || c.live == nil {
		return ""
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(c.GVK.GroupVersion().WithKind(c.GVK.Kind + "List"))
	err := c.live.List(ctx, list, &client.ListOptions{
		Namespace: c.Namespace, FieldSelector: fields.OneTermEqualSelector("metadata.name", c.Name),
		Raw: &metav1.ListOptions{ResourceVersion: c.Version(), ResourceVersionMatch: metav1.ResourceVersionMatchExact},
	})
	if err != nil || len(list.Items) != 1 {
		return ""
	}
	before, err1 := runtime.DefaultUnstructuredConverter.ToUnstructured(c.before)
	after, err2 := runtime.DefaultUnstructuredConverter.ToUnstructured(c.after)
	if err1 != nil || err2 != nil {
		return ""
	}
	var by []string
	for _, f := range list.Items[0].ManagedFields {
		if parts := changedParts(f, before, after); len(parts) > 0 {
			by = append(by, fmt.Sprintf("%q (%s)", f.Manager, strings.Join(parts, ", ")))
		}
	}
	slices.Sort(by)
	return strings.Join(slices.Compact(by), ", ")
}

// autoscaling is the part of Kubernetes that scales a Deployment.
const autoscaling = "kube-controller-manager"

// changedParts are the parts of an object, such as spec.egress, that somebody other
// than the operator has written and that are otherwise now.
func changedParts(f metav1.ManagedFieldsEntry, before, after map[string]any) []string {
	if f.FieldsV1 == nil || f.Manager == names.FieldOwner || f.Subresource == "status" || f.Manager == autoscaling && f.Subresource == "scale" {
		return nil
	}
	var owned map[string]any
	if json.Unmarshal(f.FieldsV1.GetRawBytes(), &owned) != nil {
		return nil
	}
	return differing(owned, before, after, 2)
}

// differing returns the names of the owned fields that differ, of at most so many parts.
func differing(owned, before, after map[string]any, parts int) []string {
	var out []string
	for key, below := range owned {
		name, isField := strings.CutPrefix(key, "f:")
		if !isField || reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		sub, _ := below.(map[string]any)
		b, ok1 := before[name].(map[string]any)
		a, ok2 := after[name].(map[string]any)
		switch {
		case !ok1 || !ok2 || len(sub) == 0:
			out = append(out, name)
		case parts == 1:
			if len(differing(sub, b, a, 1)) > 0 {
				out = append(out, name)
			}
		default:
			for _, d := range differing(sub, b, a, parts-1) {
				out = append(out, name+"."+d)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Ledger has what the rounds of a context did.
type Ledger struct {
	mu      sync.Mutex
	changes []Change
	// echoes are of what was written.
	echoes []echo
}

type ledgerKey struct{}

// Recording returns a context whose rounds write down what they do. It is in the
// context so that no kind can forget it.
func Recording(ctx context.Context) (context.Context, *Ledger) {
	l := &Ledger{}
	return context.WithValue(ctx, ledgerKey{}, l), l
}

// Changes returns what was done, in that order.
func (l *Ledger) Changes() []Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.changes)
}

// record writes a change down, if anybody wants to know.
func record(ctx context.Context, c Change) {
	if l, ok := ctx.Value(ledgerKey{}).(*Ledger); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changes = append(l.changes, c)
	}
}

// did notes that the round made a child, or removed it.
func (r *round) did(ctx context.Context, what Deed, gvk schema.GroupVersionKind, o metav1.Object) {
	r.record(ctx, Change{Did: what, GVK: gvk, Namespace: o.GetNamespace(), Name: o.GetName()})
}

// changed notes that the round made a child as it should be.
func (r *round) changed(ctx context.Context, p planned, before, after object.Object) {
	r.record(ctx, Change{
		Did: Changed, GVK: p.row.GVK, Namespace: after.GetNamespace(), Name: after.GetName(),
		before: before, after: after, live: r.Live, wanted: r.asked[key(p.object)],
	})
}

func (r *round) record(ctx context.Context, c Change) {
	r.res.Changes = append(r.res.Changes, string(c.Did)+" "+c.String())
	if c.Did != Removed {
		r.res.Written = append(r.res.Written, c.GVK.Kind)
	}
	record(ctx, c)
}
