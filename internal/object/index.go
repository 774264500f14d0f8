package object

// Index is a field index of one kind: its name, and the keys of an object.
type Index[T any] struct {
	Field string
	Keys  func(T) []string
}
