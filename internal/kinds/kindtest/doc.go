// Package kindtest has what the tests of several kinds need: objects to decide about,
// golden files, and how a status reads.
package kindtest
