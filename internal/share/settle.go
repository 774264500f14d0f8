package share

import (
	"reflect"
	"sync"
)

// Settle has an object note what it would note when it is encoded, before anybody else
// has it: a quantity keeps how it is written. Afterwards to encode it only reads.
func Settle(o any) {
	if e, ok := o.(interface{ Marshal() ([]byte, error) }); ok && amounts(reflect.TypeOf(o)) {
		_, _ = e.Marshal() // What can't be encoded is compared otherwise.
	}
}

var withAmounts sync.Map

// amounts reports whether objects of a type may hold quantities.
func amounts(t reflect.Type) bool {
	known, ok := withAmounts.Load(t)
	if !ok {
		known = contains(t, quantity, map[reflect.Type]bool{})
		withAmounts.Store(t, known)
	}
	return known.(bool)
}

// contains reports whether a value of a type may hold one of another type.
func contains(t, part reflect.Type, seen map[reflect.Type]bool) bool {
	if t == part || seen[t] {
		return t == part
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return contains(t.Elem(), part, seen)
	case reflect.Map:
		return contains(t.Key(), part, seen) || contains(t.Elem(), part, seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if contains(t.Field(i).Type, part, seen) {
				return true
			}
		}
	}
	return false
}
