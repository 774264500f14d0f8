package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
)

// unknownPods is the evaluator that comes first. It denies what comes from or goes to an address of a pod whose pod is
// not known (yet). A pod runs about 100 ms before the API server tells its address; without this, no policy would hold it
// until then.
type unknownPods struct {
	addresses netip.Prefix
	// local returns the addresses of this node. Some of them are among those of the pods: the node's ends of their links.
	local func() ([]net.Addr, error)
}

func newUnknownPods(podCIDR string) (*unknownPods, error) {
	addresses, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return nil, fmt.Errorf("read the addresses of pods: %w", err)
	}
	return &unknownPods{addresses: addresses, local: net.InterfaceAddrs}, nil
}

// Name implements api.PolicyEvaluator.
func (u *unknownPods) Name() string { return "UnknownPods" }

// Ready implements api.PolicyEvaluator.
func (u *unknownPods) Ready() bool { return true }

// SetDataplaneSyncCallback implements api.PolicyEvaluator. Nothing here ever changes.
func (u *unknownPods) SetDataplaneSyncCallback(api.SyncFunc) {}

// ManagedIPs implements api.PolicyEvaluator.
func (u *unknownPods) ManagedIPs(context.Context) ([]netip.Addr, bool, error) { return nil, true, nil }

// EvaluateEgress implements api.PolicyEvaluator.
func (u *unknownPods) EvaluateEgress(_ context.Context, p *network.Packet, from, _ *api.PodInfo) (api.Verdict, error) {
	return u.evaluate(p.SrcIP, from)
}

// EvaluateIngress implements api.PolicyEvaluator.
func (u *unknownPods) EvaluateIngress(_ context.Context, p *network.Packet, _, to *api.PodInfo) (api.Verdict, error) {
	return u.evaluate(p.DstIP, to)
}

func (u *unknownPods) evaluate(ip net.IP, pod *api.PodInfo) (api.Verdict, error) {
	if pod != nil {
		return api.VerdictNext, nil
	}
	address, ok := netip.AddrFromSlice(ip)
	if !ok {
		return api.VerdictDeny, fmt.Errorf("%v is no address", ip)
	}
	address = address.Unmap()
	if !u.addresses.Contains(address) {
		return api.VerdictNext, nil
	}
	own, err := u.local()
	if err != nil {
		return api.VerdictDeny, fmt.Errorf("read the addresses of this node: %w", err)
	}
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr() == address {
			return api.VerdictNext, nil
		}
	}
	return api.VerdictDeny, nil
}
