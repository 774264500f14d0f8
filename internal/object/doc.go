// Package object has small pure helpers about single objects that several kinds need:
// what an object of one kind says by itself, why something is blocked, and the metadata
// of what is written for an owner.
package object
