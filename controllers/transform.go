package controllers

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/share"
)

// transform returns what the caches do to an object before they keep it: most of what
// a portal would cost is said more than once. Objects in a cache are never changed, and
// whoever changes one gets a copy, so parts may be shared.
func transform() func(any) (any, error) {
	pool, byAgencies := share.NewPool(), writtenByAgencies()
	return func(in any) (any, error) {
		o, err := meta.Accessor(in)
		if err != nil {
			return in, nil // A tombstone, for which there is nothing to do.
		}
		share.Settle(in)
		if byAgencies[reflect.TypeOf(in)] {
			o.SetAnnotations(nil)
			o.SetLabels(nil)
			o.SetOwnerReferences(nil)
		}
		p, isPortal := in.(*v1alpha1.AgencyPortal)
		if isPortal && p.Status.LastCompliant != nil && p.Status.LastCompliant != &p.Spec && equality.Semantic.DeepEqual(p.Spec, *p.Status.LastCompliant) {
			p.Status.LastCompliant = &p.Spec
		}
		// An object that has been here comes again when its kind was listed, and must not
		// be written to, since its parts are others' by then. The API server gives all of
		// them managed fields; one without only takes more memory.
		if o.GetManagedFields() == nil {
			return in, nil
		}
		o.SetManagedFields(nil)
		if isPortal && p.Status.LastCompliant == &p.Spec {
			// It is not shared with others, who would hold the whole portal.
			p.Status.LastCompliant = nil
			defer func() { p.Status.LastCompliant = &p.Spec }()
		}
		pool.Object(o)
		return in, nil
	}
}

// writtenByAgencies returns the Go types of the kinds that agencies write. What
// they put into the metadata decides nothing, but it may be 576 KiB: the caches do
// without it, and every write of the operator to these kinds is a patch, which
// leaves alone what it does not name.
func writtenByAgencies() map[reflect.Type]bool {
	out := map[reflect.Type]bool{}
	for _, d := range kinds.Namespaced() {
		out[reflect.TypeOf(d.New())] = true
	}
	return out
}
