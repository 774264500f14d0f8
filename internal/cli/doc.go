// Package cli is the plugin "kubectl gov": what people ask of the platform from
// a terminal. Its commands decide nothing: they show what the operator reported,
// or run the operator's own pure code on local files.
package cli
