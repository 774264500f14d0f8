package unreadable

import (
	"context"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// IsUnreadable reports whether an object exists and could not be decoded.
func IsUnreadable(err error) bool { return As(err) != nil }

// As returns what is known of an object that exists and could not be decoded; nil
// for any other error.
func As(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}

// Skip is a list option: take what can be read. It is for those that only
// enqueue or count.
const Skip = skipOption(true)

type skipOption bool

// ApplyToList implements client.ListOption.
func (skipOption) ApplyToList(*client.ListOptions) {}

// Strict is a list option: fail when an object of the kind in the namespace, or
// anywhere when none is asked for, can't be read. It is for those to whom what is
// left out would look like nothing.
const Strict = strictOption(true)

type strictOption bool

// ApplyToList implements client.ListOption.
func (strictOption) ApplyToList(*client.ListOptions) {}

// Collect returns a list option: take what can be read, and put what can't into
// the slice, sorted by name. It is for those who are not concerned by all of it.
func Collect(into *[]*Error) client.ListOption { return collector{into} }

type collector struct{ into *[]*Error }

// ApplyToList implements client.ListOption.
func (collector) ApplyToList(*client.ListOptions) {}

// Client returns a client whose reads fail when an unreadable object belongs to
// what they ask for. Approvals that cannot be read suspend. The writer is a
// client without a cache, for status and finalizers of such objects.
func (r *Registry) Client(next, writer client.Client) client.Client {
	return &tolerantClient{Client: next, registry: r, writer: writer}
}

type tolerantClient struct {
	client.Client
	registry *Registry
	writer   client.Client
}

// Get implements client.Reader. The registry is asked after a miss too: the
// object may have become unreadable in between.
func (c *tolerantClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	kind, ok := c.kind(obj)
	if !ok {
		return c.Client.Get(ctx, key, obj, opts...)
	}
	if e := c.registry.lookUp(kind, key); e != nil {
		return &e.Error
	}
	err := c.Client.Get(ctx, key, obj, opts...)
	if isNotFound(err) {
		if e := c.registry.lookUp(kind, key); e != nil {
			return &e.Error
		}
	}
	return err
}

func (c *tolerantClient) kind(obj client.Object) (string, bool) {
	if _, ok := obj.(*unstructured.Unstructured); ok {
		return "", false
	}
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	return gvk.Kind, err == nil && ours(gvk)
}

// List implements client.Reader.
func (c *tolerantClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := c.Client.List(ctx, list, opts...); err != nil {
		return err
	}
	o := (&client.ListOptions{}).ApplyOptions(opts)
	for _, option := range opts {
		switch option := option.(type) {
		case skipOption:
			return nil
		case collector:
			gvk, err := apiutil.GVKForObject(list, c.Scheme())
			if err != nil {
				return err
			}
			*option.into = errorsOf(c.registry.of(strings.TrimSuffix(gvk.Kind, "List")))
			return nil
		case strictOption:
			gvk, err := apiutil.GVKForObject(list, c.Scheme())
			if err != nil {
				return err
			}
			return first(c.registry.of(strings.TrimSuffix(gvk.Kind, "List")), func(e *Entry) bool { return o.Namespace == "" || o.Namespace == e.Key.Namespace })
		}
	}
	kind, ok := c.kindOfList(list)
	if !ok {
		return nil
	}
	field := ""
	if o.FieldSelector != nil {
		for _, r := range o.FieldSelector.Requirements() {
			field = r.Value
		}
	}
	if l, ok := list.(*v1alpha1.DataSharingApprovalList); ok {
		for _, e := range c.registry.of(kind) {
			if s, ok := suspension(e, field); ok {
				l.Items = append(l.Items, s)
			}
		}
	}
	concerns := concerned[kind]
	if concerns == nil {
		concerns = everybody
	}
	return first(c.registry.of(kind), func(e *Entry) bool { return concerns(e, o.Namespace, field) })
}

func (c *tolerantClient) kindOfList(list client.ObjectList) (string, bool) {
	switch list.(type) {
	case *unstructured.UnstructuredList, *metav1.PartialObjectMetadataList:
		return "", false
	}
	gvk, err := apiutil.GVKForObject(list, c.Scheme())
	return strings.TrimSuffix(gvk.Kind, "List"), err == nil && ours(gvk)
}

// concerned says, for each kind, whether one that can't be read makes a list fail which
// says nothing about such objects: by the namespace and the value of the field that are
// listed, both empty for all. A kind without a row concerns everybody.
var concerned = map[string]func(e *Entry, namespace, field string) bool{
	v1alpha1.KindSecurityPolicy: everybody,
	v1alpha1.KindAgency:         func(e *Entry, _, field string) bool { return field == "" || e.values[field] },
	// With a field it is about claims, and what cannot be read claims nothing.
	v1alpha1.KindAgencyPortal: func(e *Entry, namespace, field string) bool { return field == "" && namespace == e.Key.Namespace },
	// What can't be read offers nothing, and asks for nothing. Whoever may not take it for
	// nothing lists with Strict or Collect.
	v1alpha1.KindSharedPlatform:  nobody,
	v1alpha1.KindDataService:     nobody,
	v1alpha1.KindDataSharingLink: nobody,
	// It is listed, as a suspension.
	v1alpha1.KindDataSharingApproval: nobody,
}

func everybody(*Entry, string, string) bool { return true }

func nobody(*Entry, string, string) bool { return false }

func errorsOf(entries []*Entry) []*Error {
	out := make([]*Error, len(entries))
	for i, e := range entries {
		out[i] = &e.Error
	}
	slices.SortFunc(out, func(a, b *Error) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return out
}

func first(entries []*Entry, concerns func(*Entry) bool) error {
	for _, e := range entries {
		if concerns(e) {
			return &e.Error
		}
	}
	return nil
}

// suspension is what an approval says that cannot be read. One whose link
// cannot be read either is about all links.
func suspension(e *Entry, link string) (v1alpha1.DataSharingApproval, bool) {
	var a v1alpha1.DataSharingApproval
	ref := e.linkRef
	if ref != nil && link != "" && string(ref.Namespace)+"/"+string(ref.Name) != link {
		return a, false
	}
	a.Name, a.Namespace, a.UID = e.Key.Name, e.Key.Namespace, e.Object.GetUID()
	if ref != nil {
		a.Spec.LinkRef = *ref
	}
	a.Spec.Decision, a.Status.Side = v1alpha1.DecisionSuspend, e.side
	a.Spec.Reason = "The approval cannot be read, which counts as a suspension."
	return a, true
}

// EntryOf returns what a client knows of an unreadable object, and the client
// to write to it.
func EntryOf(c client.Client, kind string, key types.NamespacedName) (*Entry, client.Client) {
	if t, ok := c.(*tolerantClient); ok {
		return t.registry.lookUp(kind, key), t.writer
	}
	return nil, nil
}
