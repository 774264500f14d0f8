// Package cluster runs a real Kubernetes cluster of one node on this machine, for tests and for the demo: the control
// plane, containerd, kubelet, kube-proxy, CoreDNS and an enforcer of NetworkPolicies, so that pods really run and
// promises about connections are tried on packets.
//
// The cluster has network, process and mount namespaces of its own. Nothing listens on the host, no packet leaves, and
// the kernel ends everything when the program ends, however it ends. What uses the cluster must run in the namespaces
// too, so a program calls Enter before anything else: Enter starts the program a second time inside and hands back what
// it returns. A test calls Main in TestMain; other programs run as a command of test/e2e/cmd/cluster.
//
// It needs Linux, root and the Debian packages containerd, runc, containernetworking-plugins, iptables, nftables and
// iproute2, and what "make controlplane" and "make image" build. Where something is missing, Enter says so in a line.
package cluster
