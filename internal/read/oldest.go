package read

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Oldest returns the first claimant by creation time and UID, which never
// changes, so the winner never flaps. Self stands for its own cached copy.
func Oldest[T client.Object](self T, claimants []T) T {
	first := self
	for _, c := range claimants {
		if c.GetUID() == self.GetUID() {
			continue
		}
		if Precedes(c, first) {
			first = c
		}
	}
	return first
}

// Precedes reports whether one object is older than another, or as old and first
// by UID.
func Precedes(a, b client.Object) bool {
	t, u := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return t.Before(&u) || t.Equal(&u) && a.GetUID() < b.GetUID()
}

// Ptrs returns pointers to the items.
func Ptrs[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}
