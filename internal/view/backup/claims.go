package backup

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
	"github.com/govplatform/govplatform/internal/object"
	"github.com/govplatform/govplatform/internal/read"
)

// Where two objects claim one thing (a code, a zone, a host name, to be the
// one-stop system, a place within the quota, a capability) the older one has it.
// Age is creationTimestamp, which counts seconds, and UID, which is random. So a
// restore creates objects in their order, and competing ones in different seconds.

// sortByAge sorts as the operator of the old cluster did.
func sortByAge(all []*unstructured.Unstructured) {
	slices.SortStableFunc(all, func(a, b *unstructured.Unstructured) int {
		switch {
		case read.Precedes(a, b):
			return -1
		case read.Precedes(b, a):
			return 1
		default:
			return 0
		}
	})
}

// countPortals finds the agencies of which some portals are too many.
func (p *Plan) countPortals(portals, agencies []*unstructured.Unstructured) {
	n := map[string]int64{}
	for _, u := range portals {
		n[u.GetNamespace()]++
	}
	for _, a := range agencies {
		most, ok, _ := unstructured.NestedInt64(a.Object, "spec", "quota", "portals")
		p.full[names.Namespace(a.GetName())] = !ok || n[names.Namespace(a.GetName())] > most
	}
}

// Claims are what an object of the file claims that only one can have.
func (p *Plan) Claims(u *unstructured.Unstructured) []string {
	text := func(fields ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, append([]string{"spec"}, fields...)...)
		return s
	}
	list := func(field string) []string {
		l, _, _ := unstructured.NestedStringSlice(u.Object, "spec", field)
		return l
	}
	var out []string
	switch u.GetKind() {
	case v1alpha1.KindAgency:
		out = append(out, "code "+text("code"))
		for _, zone := range list("domains") {
			out = append(out, "zone "+zone)
		}
	case v1alpha1.KindSharedPlatform:
		out = append(out, "capability "+object.Fingerprint(v1alpha1.Text(text("capability")), v1alpha1.Text(text("scope"))))
		if text("type") == string(v1alpha1.PlatformDataSharing) {
			out = append(out, "type "+text("type"))
		}
	case v1alpha1.KindAgencyPortal:
		for _, host := range list("hostnames") {
			out = append(out, "host name "+host)
		}
		if slices.Contains(list("components"), string(v1alpha1.ComponentOneStop)) {
			out = append(out, "one-stop system of "+u.GetNamespace())
		}
		if p.full[u.GetNamespace()] {
			out = append(out, "quota of "+u.GetNamespace())
		}
	case v1alpha1.KindDataService:
		out = append(out, "dataset "+text("dataset"))
	}
	return out
}
