// Package agency decides about agencies: their namespace, its bounds, who may do what
// in it, and how an agency leaves.
//
// As in every room of a kind, gather reads the cluster into an Input, and all other
// files are pure: no client, no clock, no logger. Builders write every field that the
// API server would default, so that an object in the cluster can be compared to the
// letter and anything else in it is known to be a change by others.
package agency
