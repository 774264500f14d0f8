package controllers

import (
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/lru"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/names"
)

// labelSets is how many sets of labels are remembered to be shared. With fewer
// than there are, the caches take more memory and hold the same.
const labelSets = 1 << 15

// labelKey is what sets of labels that may be equal have in common: a portal's
// objects carry one set, its pods another one.
type labelKey struct {
	owner string
	size  int
}

// transform returns what the caches do to an object before they keep it: a fifth
// of what a portal would cost is said more than once. Objects in a cache are
// never changed, and whoever reads one gets a copy, so parts may be shared.
func transform() func(any) (any, error) {
	seen, byAgencies := lru.New(labelSets), writtenByAgencies()
	return func(in any) (any, error) {
		o, err := meta.Accessor(in)
		if err != nil {
			return in, nil //nolint:nilerr // A tombstone, for which there is nothing to do.
		}
		if o.GetManagedFields() != nil {
			o.SetManagedFields(nil)
		}
		if byAgencies[reflect.TypeOf(in)] {
			o.SetAnnotations(nil)
			o.SetLabels(nil)
			o.SetOwnerReferences(nil)
		}
		labels := o.GetLabels()
		if owner := labels[names.LabelOwnerUID]; owner != "" {
			key := labelKey{owner, len(labels)}
			if known, ok := seen.Get(key); ok && maps.Equal(known.(map[string]string), labels) {
				o.SetLabels(known.(map[string]string))
			} else {
				seen.Add(key, labels)
			}
		}
		if p, ok := in.(*v1alpha1.AgencyPortal); ok && p.Status.LastCompliant != nil && p.Status.LastCompliant != &p.Spec && equality.Semantic.DeepEqual(p.Spec, *p.Status.LastCompliant) {
			p.Status.LastCompliant = &p.Spec
		}
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
