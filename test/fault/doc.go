// Package fault tries the fault matrix on a real control plane: the operator killed at every
// write, answers lost, conflicts, throttling, watches that are late, doubled, cut or swallow
// events, a rival that takes fields, poison among many, an upgrade in a storm, a wrong clock,
// the API server and etcd away, a leader that is frozen and comes back.
//
// Every storm and kill point is held to the same oracles: the end is that of a run without a
// fault (O1), no child came or went more or less often on the way (O2), nothing is written for
// -quiet afterwards (O3), no round panicked and no goroutine is left (O4), and at every revision
// each workload has its guards and nothing is open that is open neither before nor after (O5).
//
// "make fault" runs each once and prints the table, "make fault-matrix" tries every kill point
// and every kind, and CI a sample.
package fault
