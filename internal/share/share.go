// Package share lets objects hold what is equal in them once: most of what a portal's
// objects say, the next portal's say too. An object is the same before and after to
// whoever reads it, to the letter. It must never be changed in place afterwards.
package share

import (
	"hash/maphash"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"

	"github.com/govplatform/govplatform/internal/names"
)

const (
	// bits of a hash tell the place of a part that may be found in any object. One that
	// lost its place to another is held once more, which is rare for those that many
	// objects have.
	bits = 12
	// owners is how many owners are remembered whose objects share what is theirs.
	// With fewer than there are, the caches take more memory and hold the same.
	owners = 1 << 15
	// heaviest bounds the bytes of a part that is remembered. What is longer is held by
	// those alone who say it, so that nobody fills the memory with what is gone.
	heaviest = 1 << 10
	// mostSets is how many sets of labels are remembered for each owner: its objects'
	// labels, its pods', and the selectors of both.
	mostSets = 4
)

// Pool knows parts of objects. It is safe for concurrent use.
type Pool struct {
	seed     maphash.Seed
	texts    [1 << bits]atomic.Pointer[text]
	parts    [1 << bits]atomic.Pointer[part]
	families *lru.Cache
}

type text struct {
	hash  uint64
	value string
}

// part of an object, which is never changed.
type part struct {
	hash  uint64
	value any
}

// family is what the objects of one owner have in common.
type family struct {
	mu     sync.Mutex
	labels []map[string]string
	refs   []metav1.OwnerReference
}

// NewPool returns a pool that knows nothing.
func NewPool() *Pool { return &Pool{seed: maphash.MakeSeed(), families: lru.New(owners)} }

// Object replaces the parts of an object by equal ones that are held already. Nobody
// else may have the object yet, and it is to be given once: afterwards its parts are
// others' too.
func (p *Pool) Object(o metav1.Object) {
	v := reflect.ValueOf(o).Elem()
	if v.Kind() != reflect.Struct || opaque(v.Type()) || !v.FieldByName("ObjectMeta").IsValid() {
		return
	}
	w := walk{Pool: p, own: []string{o.GetName(), o.GetNamespace(), string(o.GetUID())}}
	labels := o.GetLabels()
	if owner := labels[names.LabelOwnerUID]; owner != "" {
		f, ok := p.families.Get(owner)
		if !ok {
			f = &family{}
			p.families.Add(owner, f)
		}
		w.family = f.(*family)
		w.own = []string{owner}
	}
	labels = w.set(labels)
	o.SetLabels(labels)
	if w.family != nil {
		w.own = []string{labels[names.LabelOwnerUID], labels[names.LabelOwnerName], labels[names.LabelOwnerNamespace]}
	}
	for i := range v.NumField() {
		switch field := v.Field(i); v.Type().Field(i).Name {
		case "ObjectMeta":
			w.meta(field.Addr().Interface().(*metav1.ObjectMeta))
		default:
			w.part(field)
		}
	}
}

// walk is one way through an object.
type walk struct {
	*Pool
	// family of the object, nil when it has no owner.
	family *family
	// own are texts that are the owner's, so that they are no others'.
	own []string
}

// meta shares the metadata but the labels. What no other object has is left alone.
func (w *walk) meta(m *metav1.ObjectMeta) {
	m.Name, _ = w.ours(m.Name)
	m.Namespace, _ = w.text(m.Namespace)
	m.Annotations = w.set(m.Annotations)
	w.part(reflect.ValueOf(&m.Finalizers).Elem())
	if len(m.OwnerReferences) == 0 {
		return
	}
	if w.family != nil {
		w.family.mu.Lock()
		defer w.family.mu.Unlock()
		if reflect.DeepEqual(w.family.refs, m.OwnerReferences) {
			m.OwnerReferences = w.family.refs
			return
		}
	}
	weight := w.children(reflect.ValueOf(&m.OwnerReferences).Elem()).weight
	if w.family != nil && weight <= heaviest {
		w.family.refs = m.OwnerReferences
	}
}

// ours returns a text as the owner's objects hold it already, if it is the owner's.
func (w *walk) ours(s string) (string, bool) {
	for _, o := range w.own {
		if o == s {
			return o, true
		}
	}
	return s, false
}

// text returns a text as it is held already.
func (w *walk) text(s string) (string, sum) {
	if s == "" {
		return s, sum{}
	}
	h := sum{maphash.String(w.seed, s), len(s)}
	if o, ours := w.ours(s); ours {
		return o, h
	}
	if len(s) > heaviest/4 {
		return s, h
	}
	place := &w.texts[h.hash>>(64-bits)]
	if at := place.Load(); at != nil && at.hash == h.hash && at.value == s {
		return at.value, h
	}
	place.Store(&text{h.hash, s})
	return s, h
}

// known returns the part that is held already and equal, or remembers this one.
func (p *Pool) known(value any, hash uint64) (any, bool) {
	place := &p.parts[hash>>(64-bits)]
	if at := place.Load(); at != nil && at.hash == hash && equal(at.value, value) {
		return at.value, true
	}
	place.Store(&part{hash, value})
	return value, false
}

// equal is reflect.DeepEqual, which is slow for what is usual.
func equal(a, b any) bool {
	if a, ok := a.(corev1.ResourceList); ok {
		b, ok := b.(corev1.ResourceList)
		return ok && maps.Equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}

// set shares a set of labels or of annotations: that of an owner with its family, any
// other with everybody.
func (w *walk) set(m map[string]string) map[string]string {
	if len(m) == 0 {
		return m
	}
	if w.family != nil {
		if known := w.family.known(m); known != nil {
			return known
		}
	}
	s, ours := sum{}, false
	for k, v := range m {
		one := w.ofText(k)
		one.add(w.ofText(v))
		s.hash += one.hash
		s.weight += one.weight
		_, is := w.ours(v)
		ours = ours || is
	}
	switch {
	case s.weight > heaviest:
		return m
	case w.family != nil && ours:
		return w.family.add(w, m)
	}
	if known, ok := w.known(m, s.hash); ok {
		return known.(map[string]string)
	}
	return m
}

// known returns the set that is held already and equal, nil if none is.
func (f *family) known(m map[string]string) map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.labels {
		if maps.Equal(known, m) {
			return known
		}
	}
	return nil
}

// add remembers a set, and returns it as it is remembered.
func (f *family) add(w *walk, m map[string]string) map[string]string {
	fresh := make(map[string]string, len(m))
	for k, v := range m {
		k, _ = w.text(k)
		fresh[k], _ = w.text(v)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.labels) == mostSets {
		f.labels = slices.Delete(f.labels, 0, 1)
	}
	f.labels = append(f.labels, fresh)
	return fresh
}

// sum tells parts apart, and says about how many bytes one takes.
type sum struct {
	hash   uint64
	weight int
}

func (s *sum) add(next sum) {
	s.hash = (s.hash ^ next.hash) * 0x9e3779b97f4a7c15
	s.weight += next.weight
}

func (p *Pool) ofText(s string) sum { return sum{maphash.String(p.seed, s), len(s)} }

var quantity = reflect.TypeFor[resource.Quantity]()

// part shares what a value refers to, from the inside out: what is remembered is
// finished and never written to again.
func (w *walk) part(v reflect.Value) sum {
	switch v.Kind() {
	case reflect.String:
		if v.Len() == 0 {
			return sum{}
		}
		known, s := w.text(v.String())
		v.SetString(known)
		return s
	case reflect.Pointer:
		if v.IsNil() {
			return sum{}
		}
		s := w.part(v.Elem())
		if v.Elem().Kind() <= reflect.Float64 {
			return s // It takes no more than to look for it.
		}
		s.add(sum{1, int(v.Type().Elem().Size())})
		w.share(v, s)
		return s
	case reflect.Slice:
		if v.Len() == 0 {
			return sum{}
		}
		s := w.children(v)
		w.share(v, s)
		return s
	case reflect.Map:
		if m, ok := v.Interface().(map[string]string); ok {
			v.Set(reflect.ValueOf(w.set(m)))
			return sum{uint64(len(m)), len(m)}
		}
		s := w.look(v)
		w.share(v, s)
		return s
	case reflect.Struct:
		if opaque(v.Type()) {
			return w.look(v)
		}
		s := sum{}
		for i := range v.NumField() {
			s.add(w.part(v.Field(i)))
		}
		return s
	default:
		return w.look(v)
	}
}

// children shares what the elements of a slice refer to, and cuts off what it has room
// for.
func (w *walk) children(v reflect.Value) sum {
	if v.Cap() > v.Len() {
		exact := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(exact, v)
		v.Set(exact)
	}
	s := sum{weight: v.Len() * int(v.Type().Elem().Size())}
	for i := range v.Len() {
		s.add(w.part(v.Index(i)))
	}
	return s
}

func (w *walk) share(v reflect.Value, s sum) {
	if s.weight > heaviest || v.IsZero() {
		return
	}
	if known, ok := w.known(v.Interface(), s.hash); ok {
		v.Set(reflect.ValueOf(known))
	}
}

// look is part for what is not written to, because nobody can write to a part of it.
func (w *walk) look(v reflect.Value) sum {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return sum{hash: 1}
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return sum{hash: uint64(v.Int())} //nolint:gosec // Any number will do.
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return sum{hash: v.Uint()}
	case reflect.String:
		return w.ofText(v.String())
	case reflect.Struct:
		if v.Type() == quantity {
			q := v.Interface().(resource.Quantity)
			return sum{uint64(q.MilliValue()), int(quantity.Size())} //nolint:gosec // Any number will do.
		}
	case reflect.Map:
		s := sum{}
		if list, ok := v.Interface().(corev1.ResourceList); ok {
			for name, q := range list {
				one := w.ofText(string(name))
				one.add(sum{uint64(q.MilliValue()), int(quantity.Size())}) //nolint:gosec // Any number will do.
				s.hash += one.hash
				s.weight += one.weight
			}
			return s
		}
		for it := v.MapRange(); it.Next(); {
			one := w.look(it.Key())
			one.add(w.look(it.Value()))
			s.hash += one.hash
			s.weight += one.weight
		}
		return s
	}
	return sum{}
}

// opaqueTypes remembers the answers of opaque.
var opaqueTypes sync.Map

// opaque reports whether a struct has fields that are its package's own. Those with
// such fields differ by what can't be seen here, which known compares.
func opaque(t reflect.Type) bool {
	if known, ok := opaqueTypes.Load(t); ok {
		return known.(bool)
	}
	is := false
	for i := range t.NumField() {
		is = is || !t.Field(i).IsExported()
	}
	opaqueTypes.Store(t, is)
	return is
}
