// Package backup is what an export of the platform holds, and what a restore would do
// with it. It reads a cluster or a file and computes; what restores stands in
// internal/cli.
//
// It is apart from view because all of its names are about one thing, the file, and
// nothing else that is shown needs them.
package backup
