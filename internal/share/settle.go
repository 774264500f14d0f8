package share

import (
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Settle has every quantity of an object note how it is written, before anybody else has
// the object: whoever asks for that later, to encode or to show it, only reads then.
func Settle(o any) {
	if v := reflect.ValueOf(o); amounts(v.Type()) {
		settle(v)
	}
}

func settle(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			settle(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if amounts(v.Type().Elem()) {
			for i := range v.Len() {
				settle(v.Index(i))
			}
		}
	case reflect.Map:
		// What a map holds by value is copied before it is asked.
		if t := v.Type().Elem(); t != quantity && amounts(t) {
			for each := v.MapRange(); each.Next(); {
				settle(each.Value())
			}
		}
	case reflect.Struct:
		if v.Type() == quantity {
			if v.CanAddr() {
				_ = v.Addr().Interface().(*resource.Quantity).String()
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).IsExported() && amounts(f.Type()) {
				settle(f)
			}
		}
	}
}

var withAmounts sync.Map

// amounts reports whether values of a type may hold quantities.
func amounts(t reflect.Type) bool {
	known, ok := withAmounts.Load(t)
	if !ok {
		known = holdsAmounts(t, map[reflect.Type]bool{})
		withAmounts.Store(t, known)
	}
	return known.(bool)
}

// holdsAmounts is amounts of a type that may refer to itself.
func holdsAmounts(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == quantity || seen[t] {
		return t == quantity
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holdsAmounts(t.Elem(), seen)
	case reflect.Map:
		return holdsAmounts(t.Key(), seen) || holdsAmounts(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsAmounts(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
