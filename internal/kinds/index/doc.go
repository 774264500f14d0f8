// Package index registers the field indexes of all kinds, so that no event costs a
// look at every object.
package index
