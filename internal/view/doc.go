// Package view is what the cluster, or a folder of files, shows: the ground of the
// command line, of pages and of reports. It reads with the rights of whoever asks,
// computes with the operator's own code, and returns rows, tables and findings. It
// writes nothing, prints nothing and decides nothing.
//
// What stands in the rows was written by people: whoever shows it makes it
// printable.
package view
