package main

import (
	"errors"
	"net"
	"testing"

	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
)

func TestUnknownPods(t *testing.T) {
	u, err := newUnknownPods("10.244.0.0/24")
	if err != nil {
		t.Fatal(err)
	}
	gateway := &net.IPNet{IP: net.IPv4(10, 244, 0, 1), Mask: net.CIDRMask(32, 32)}
	failed := errors.New("no addresses")
	for _, c := range []struct {
		name    string
		address net.IP
		pod     *api.PodInfo
		local   error
		want    api.Verdict
		err     error
	}{
		{"known pod", net.IPv4(10, 244, 0, 7), &api.PodInfo{}, nil, api.VerdictNext, nil},
		{"unknown pod", net.IPv4(10, 244, 0, 7), nil, nil, api.VerdictDeny, nil},
		{"unknown pod, four bytes", net.IPv4(10, 244, 0, 7).To4(), nil, nil, api.VerdictDeny, nil},
		{"the node's end of a link", net.IPv4(10, 244, 0, 1), nil, nil, api.VerdictNext, nil},
		{"outside", net.IPv4(203, 0, 113, 1), nil, nil, api.VerdictNext, nil},
		{"addresses of the node cannot be read", net.IPv4(10, 244, 0, 7), nil, failed, api.VerdictDeny, failed},
		{"no address", net.IP{1, 2}, nil, nil, api.VerdictDeny, errors.New("any")},
	} {
		u.local = func() ([]net.Addr, error) { return []net.Addr{gateway}, c.local }
		in, inErr := u.EvaluateIngress(t.Context(), &network.Packet{SrcIP: net.IPv4(203, 0, 113, 9), DstIP: c.address}, nil, c.pod)
		out, outErr := u.EvaluateEgress(t.Context(), &network.Packet{SrcIP: c.address, DstIP: net.IPv4(203, 0, 113, 9)}, c.pod, nil)
		if in != c.want || out != c.want || (inErr == nil) != (c.err == nil) || (outErr == nil) != (c.err == nil) {
			t.Errorf("%s: in %v (%v), out %v (%v), want %v", c.name, in, inErr, out, outErr, c.want)
		}
	}
	if _, err := newUnknownPods("10.244.0.0"); err == nil {
		t.Error("an address without a length is taken for a prefix")
	}
}
