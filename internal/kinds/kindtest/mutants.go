package kindtest

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/govplatform/govplatform/internal/object"
)

// Mutants calls a function with copies of an object, each changed in one place: a text
// or a number is another one, a part is left out, or is there twice, or empty. It is
// told the path of what was changed.
func Mutants[T object.Object](o T, each func(path string, mutant T)) {
	for n := 0; ; n++ {
		mutant := o.DeepCopyObject().(T)
		m := mutation{left: n}
		if m.in("", reflect.ValueOf(mutant).Elem()); m.path == "" {
			return
		}
		each(m.path, mutant)
	}
}

// mutation of the place that comes after so many others.
type mutation struct {
	left int
	path string
}

// here does what is said, if it is the place.
func (m *mutation) here(path string, what func()) {
	if m.path != "" {
		return
	}
	if m.left == 0 {
		m.path = path
		what()
	}
	m.left--
}

func (m *mutation) in(path string, v reflect.Value) {
	if m.path != "" {
		return
	}
	switch v.Kind() {
	case reflect.String:
		m.here(path+" other", func() { v.SetString(v.String() + "x") })
	case reflect.Bool:
		m.here(path+" other", func() { v.SetBool(!v.Bool()) })
	case reflect.Int, reflect.Int32, reflect.Int64:
		m.here(path+" other", func() { v.SetInt(v.Int() + 1) })
	case reflect.Struct:
		m.inStruct(path, v)
	case reflect.Pointer:
		if v.IsNil() {
			m.here(path+" empty", func() { v.Set(reflect.New(v.Type().Elem())) })
			return
		}
		m.here(path+" none", func() { v.SetZero() })
		m.in(path, v.Elem())
	case reflect.Slice:
		m.inSlice(path, v)
	case reflect.Map:
		m.inMap(path, v)
	}
}

func (m *mutation) inStruct(path string, v reflect.Value) {
	if v.Type() == reflect.TypeFor[resource.Quantity]() {
		m.here(path+" other", func() {
			q := v.Addr().Interface().(*resource.Quantity)
			q.Add(resource.MustParse("1m"))
		})
		return
	}
	for i := range v.NumField() {
		// What everybody's caches do without, and what is the package's own.
		if f := v.Type().Field(i); f.IsExported() && f.Name != "ManagedFields" {
			m.in(path+"."+f.Name, v.Field(i))
		}
	}
}

func (m *mutation) inSlice(path string, v reflect.Value) {
	if v.IsNil() {
		m.here(path+" empty", func() { v.Set(reflect.MakeSlice(v.Type(), 0, 0)) })
		return
	}
	m.here(path+" none", func() { v.SetZero() })
	m.here(path+" more", func() { v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem()))) })
	if v.Len() > 1 {
		m.here(path+" less", func() { v.SetLen(v.Len() - 1) })
	}
	for i := range v.Len() {
		m.in(path+"[]", v.Index(i))
	}
}

func (m *mutation) inMap(path string, v reflect.Value) {
	if v.IsNil() {
		m.here(path+" empty", func() { v.Set(reflect.MakeMap(v.Type())) })
		return
	}
	m.here(path+" none", func() { v.SetZero() })
	if v.Len() == 0 {
		return
	}
	keys := v.MapKeys()
	key := keys[0]
	for _, k := range keys {
		if k.String() < key.String() {
			key = k
		}
	}
	m.here(path+" less", func() { v.SetMapIndex(key, reflect.Value{}) })
	m.here(path+" more", func() { v.SetMapIndex(reflect.ValueOf("x").Convert(v.Type().Key()), v.MapIndex(key)) })
	if m.path != "" {
		return
	}
	other := reflect.New(v.Type().Elem()).Elem()
	other.Set(v.MapIndex(key))
	value := mutation{}
	value.in(path+"[]", other)
	m.here(value.path, func() { v.SetMapIndex(key, other) })
}
