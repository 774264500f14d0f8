// Package alerts tests what the operator ships for Prometheus and Grafana with
// Prometheus's own library. Run it with -count=1: it reads files of another
// module, whose changes the cache of test results does not see.
package alerts
