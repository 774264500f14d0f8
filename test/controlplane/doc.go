// Package controlplane runs a real Kubernetes control plane on this machine for tests and for the demo: etcd,
// kube-apiserver and, when they are asked for, kube-controller-manager, kube-scheduler and nodes simulated by kwok.
//
// It does more than controller-runtime's envtest where the operator needs it: Deployments become ready, namespaces
// finalize, garbage is collected, quotas are counted and RBAC is enforced for users and ServiceAccounts alike.
//
// Nothing listens on another address than 127.0.0.1, every run has its own certificate authorities, and no process
// outlives the program that started it, however that program ends.
//
// The programs are built by "make controlplane".
package controlplane
