// Package tally counts what the caches hold by what it says, without looking at it all:
// beside the objects a cache keeps, for each value, the keys of those that have it.
package tally

import (
	"errors"
	"fmt"
	"maps"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Field is something that objects of a kind are counted by.
type Field struct {
	Name string
	// Values are what an object says; none for one that is not counted. Objects are not to
	// be changed, and the same object always says the same.
	Values func(client.Object) []string
}

// Indexers returns what a cache is made with that others have, so that it counts by fields.
func Indexers(beside cache.Indexers, fields ...Field) cache.Indexers {
	out := maps.Clone(beside)
	if out == nil {
		out = cache.Indexers{}
	}
	for _, f := range fields {
		out[f.Name] = func(o any) ([]string, error) {
			object, ok := o.(client.Object)
			if !ok {
				return nil, fmt.Errorf("count by %s: %T is no object of the API", f.Name, o)
			}
			return f.Values(object), nil
		}
	}
	return out
}

// ErrNotFilled is why a cache can't be asked that is not filled yet.
var ErrNotFilled = errors.New("its cache is not filled yet")

// Stores returns the store of a kind, or why there is none that could be asked now.
type Stores func(kind string) (cache.Indexer, error)

// Count returns by value how many objects of a kind have it. The values are asked for one
// after the other, so what changes meanwhile may be counted twice, or not.
func (s Stores) Count(kind, field string) (map[string]int, error) {
	// A field that is none is an error here, and has no values there.
	if _, err := s.Number(kind, field, ""); err != nil {
		return nil, err
	}
	store, err := s(kind)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, value := range store.ListIndexFuncValues(field) {
		n, err := s.Number(kind, field, value)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out[value] = n
		}
	}
	return out, nil
}

// Number returns how many objects of a kind have a value.
func (s Stores) Number(kind, field, value string) (int, error) {
	found, err := s.find(kind, field, value)
	return len(found), err
}

// Having returns the objects of a kind that have a value. They are the cache's own.
func (s Stores) Having(kind, field, value string) ([]client.Object, error) {
	found, err := s.find(kind, field, value)
	if err != nil {
		return nil, err
	}
	out := make([]client.Object, 0, len(found))
	for _, o := range found {
		object, ok := o.(client.Object)
		if !ok {
			return nil, fmt.Errorf("find by %s: %T is no object of the API", field, o)
		}
		out = append(out, object)
	}
	return out, nil
}

// find copies a pointer for each object. IndexKeys would sort their keys too, under the
// store's lock.
func (s Stores) find(kind, field, value string) ([]any, error) {
	store, err := s(kind)
	if err != nil {
		return nil, err
	}
	found, err := store.ByIndex(field, value)
	if err != nil {
		return nil, fmt.Errorf("find by %s: %w", field, err)
	}
	return found, nil
}
