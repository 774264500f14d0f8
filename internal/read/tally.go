package read

import "sigs.k8s.io/controller-runtime/pkg/client"

// Tally counts what the caches hold by what it says, as they are now.
type Tally interface {
	// Count returns by value how many objects of a kind have it.
	Count(kind, field string) (map[string]int, error)
	// Number returns how many objects of a kind have a value.
	Number(kind, field, value string) (int, error)
	// Having returns the objects of a kind that have a value. They are the cache's own.
	Having(kind, field, value string) ([]client.Object, error)
}
