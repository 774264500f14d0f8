package object

import (
	"slices"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/names"
)

// LinkOpen reports whether a link is open with its present spec: policies of it
// exist. It is no more than that even while one of them can't be written.
func LinkOpen(l *v1alpha1.DataSharingLink) bool {
	return l.Status.ObservedGeneration == l.Generation && Wrote(l.Status.Inventory, "NetworkPolicy")
}

// OperationNames are the names of operations, sorted.
func OperationNames(ops []v1alpha1.Operation) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = o.Name
	}
	slices.Sort(out)
	return out
}

// LinkAgencies are the agencies of all ends of a link, as its spec asks for them
// and as its scope has them, sorted.
func LinkAgencies(l *v1alpha1.DataSharingLink) []string {
	consumer, _ := names.AgencyOf(l.Namespace)
	out := append([]string{consumer, string(l.Spec.Provider.Agency)}, ScopeAgencies(l.Status.Scope)...)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(name string) bool { return name == "" })
}

// ScopeAgencies are the agencies of the ends of a scope.
func ScopeAgencies(s *v1alpha1.LinkScope) []string {
	if s == nil {
		return nil
	}
	out := []string{string(s.Consumer.Agency), string(s.Provider.Agency)}
	if s.Via != nil {
		out = append(out, string(s.Via.Agency))
	}
	return out
}
