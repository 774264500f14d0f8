package object

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Sorted returns texts sorted.
func Sorted[T ~string](in []T) []string {
	out := Strings(in)
	slices.Sort(out)
	return out
}

// Amount returns the stated quantity or the default, which never exceeds the
// stated limit.
func Amount(stated, limit *resource.Quantity, fallback string) resource.Quantity {
	if stated != nil {
		return *stated
	}
	q := resource.MustParse(fallback)
	if limit != nil && limit.Cmp(q) < 0 {
		return *limit
	}
	return q
}

// Object is an object of the API. It has the same methods as the client
// library's, which this package must not import.
type Object interface {
	metav1.Object
	runtime.Object
}

// Strings returns texts as strings, in their order.
func Strings[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}

// Seconds is a time as the API stores it.
func Seconds(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
