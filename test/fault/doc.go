// Package fault tries the fault matrix on a real control plane: the operator killed at every
// write, answers lost, conflicts, throttling, watches that are late, doubled or cut, the API
// server and etcd away, a leader that is frozen and comes back. "make fault" runs it all and
// prints the table; CI runs a sample of the kill points.
package fault
