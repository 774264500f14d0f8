package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/names"
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
	// replaced is the version that an update replaced, as live tells.
	replaced string
	live     client.Reader
}

// String names the child.
func (c Change) String() string {
	if c.Namespace == "" {
		return c.GVK.Kind + " " + c.Name
	}
	return c.GVK.Kind + " " + c.Namespace + "/" + c.Name
}

// By names the field managers that had changed what the operator writes of a
// child before it was made as it should be, and which parts; empty when nobody
// had, or when the API server does not know any more. It asks for the version that
// was replaced, so nothing that closes needs to wait for the question.
func (c Change) By(ctx context.Context) string {
	if c.replaced == "" || c.live == nil {
		return ""
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(c.GVK.GroupVersion().WithKind(c.GVK.Kind + "List"))
	err := c.live.List(ctx, list, &client.ListOptions{
		Namespace: c.Namespace, FieldSelector: fields.OneTermEqualSelector("metadata.name", c.Name),
		Raw: &metav1.ListOptions{ResourceVersion: c.replaced, ResourceVersionMatch: metav1.ResourceVersionMatchExact},
	})
	if err != nil || len(list.Items) != 1 {
		return ""
	}
	var by []string
	for _, f := range list.Items[0].ManagedFields {
		if parts := changedParts(f); f.Manager != names.FieldOwner && len(parts) > 0 {
			by = append(by, fmt.Sprintf("%q (%s)", f.Manager, strings.Join(parts, ", ")))
		}
	}
	slices.Sort(by)
	return strings.Join(slices.Compact(by), ", ")
}

// autoscaling is the part of Kubernetes that scales a Deployment.
const autoscaling = "kube-controller-manager"

// changedParts are the parts of an object that the operator writes and that
// somebody else has written last.
func changedParts(f metav1.ManagedFieldsEntry) []string {
	if f.FieldsV1 == nil || f.Subresource == "status" || f.Manager == autoscaling && f.Subresource == "scale" {
		return nil
	}
	var all map[string]json.RawMessage
	var metadata struct {
		Labels      map[string]json.RawMessage `json:"f:labels"`
		Annotations map[string]json.RawMessage `json:"f:annotations"`
		Owners      json.RawMessage            `json:"f:ownerReferences"`
	}
	if json.Unmarshal(f.FieldsV1.GetRawBytes(), &all) != nil || all["f:metadata"] != nil && json.Unmarshal(all["f:metadata"], &metadata) != nil {
		return nil
	}
	var out []string
	for part := range all {
		if name, ok := strings.CutPrefix(part, "f:"); ok && name != "metadata" && name != "status" {
			out = append(out, name)
		}
	}
	for part, keys := range map[string]map[string]json.RawMessage{"labels": metadata.Labels, "annotations": metadata.Annotations} {
		for key := range keys {
			if ourKey(strings.TrimPrefix(key, "f:")) {
				out = append(out, part)
				break
			}
		}
	}
	if metadata.Owners != nil {
		out = append(out, "ownerReferences")
	}
	slices.Sort(out)
	return out
}

// Ledger has what the rounds of a context did.
type Ledger struct {
	mu      sync.Mutex
	changes []Change
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

// did notes what the round did to a child; replaced is the version that an update replaced.
func (r *round) did(ctx context.Context, what Deed, gvk schema.GroupVersionKind, o metav1.Object, replaced string) {
	c := Change{Did: what, GVK: gvk, Namespace: o.GetNamespace(), Name: o.GetName(), replaced: replaced, live: r.Live}
	r.res.Changes = append(r.res.Changes, c)
	record(ctx, c)
}
