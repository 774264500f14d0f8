package view

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/kinds/index"
	"github.com/govplatform/govplatform/internal/settings"
)

// store holds objects in memory and answers reads as the operator's cache does,
// with its field indexes, so that the commands gather with the operator's code.
type store struct {
	objects map[reflect.Type][]client.Object
	keys    map[reflect.Type]map[client.ObjectKey]client.Object
	indexes map[reflect.Type]map[string]client.IndexerFunc
	// found caches the answers of an index, by field and value.
	found map[reflect.Type]map[string]map[string][]client.Object
}

func newStore(ctx context.Context, s settings.Settings) (*store, error) {
	out := &store{
		objects: map[reflect.Type][]client.Object{},
		keys:    map[reflect.Type]map[client.ObjectKey]client.Object{},
		indexes: map[reflect.Type]map[string]client.IndexerFunc{},
		found:   map[reflect.Type]map[string]map[string][]client.Object{},
	}
	return out, index.Register(ctx, out, s)
}

// IndexField implements client.FieldIndexer.
func (s *store) IndexField(_ context.Context, o client.Object, field string, f client.IndexerFunc) error {
	t := reflect.TypeOf(o)
	if s.indexes[t] == nil {
		s.indexes[t] = map[string]client.IndexerFunc{}
	}
	s.indexes[t][field] = f
	return nil
}

func (s *store) add(objects ...client.Object) {
	for _, o := range objects {
		t := reflect.TypeOf(o)
		if s.keys[t] == nil {
			s.keys[t] = map[client.ObjectKey]client.Object{}
		}
		s.keys[t][client.ObjectKeyFromObject(o)] = o
		s.objects[t] = append(s.objects[t], o)
		delete(s.found, t)
	}
}

// addList adds the items of a list of the API.
func (s *store) addList(list client.ObjectList) error {
	return meta.EachListItem(list, func(o runtime.Object) error {
		object, ok := o.(client.Object)
		if !ok {
			return fmt.Errorf("%T is no object", o)
		}
		s.add(object)
		return nil
	})
}

// Get implements client.Reader.
func (s *store) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o := s.keys[reflect.TypeOf(into)][key]
	if o == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", into)}, key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(o.DeepCopyObject()).Elem())
	return nil
}

// List implements client.Reader. It knows namespaces and indexed fields.
func (s *store) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	items, err := meta.GetItemsPtr(into)
	if err != nil {
		return err
	}
	slice := reflect.ValueOf(items).Elem()
	t := reflect.PointerTo(slice.Type().Elem())
	candidates := s.objects[t]
	if o.FieldSelector != nil {
		for i, r := range o.FieldSelector.Requirements() {
			matching, err := s.indexed(t, r.Field, r.Value)
			if err != nil {
				return err
			}
			if i > 0 {
				return fmt.Errorf("list %s by more than one field", t)
			}
			candidates = matching
		}
	}
	slice.Set(reflect.MakeSlice(slice.Type(), 0, 0))
	for _, c := range candidates {
		if o.Namespace == "" || c.GetNamespace() == o.Namespace {
			slice.Set(reflect.Append(slice, reflect.ValueOf(c.DeepCopyObject()).Elem()))
		}
	}
	return nil
}

func (s *store) indexed(t reflect.Type, field, value string) ([]client.Object, error) {
	f := s.indexes[t][field]
	if f == nil {
		return nil, fmt.Errorf("%s has no index %s", t, field)
	}
	if s.found[t] == nil {
		s.found[t] = map[string]map[string][]client.Object{}
	}
	if s.found[t][field] == nil {
		keys := map[string][]client.Object{}
		for _, o := range s.objects[t] {
			for _, v := range f(o) {
				keys[v] = append(keys[v], o)
			}
		}
		s.found[t][field] = keys
	}
	return s.found[t][field][value], nil
}
