// Package flow builds the two halves of what may pass between two portals, and to
// addresses outside the cluster, and says what passes.
package flow
