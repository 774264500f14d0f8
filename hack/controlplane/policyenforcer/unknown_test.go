package main

import (
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
	for _, c := range []struct {
		name    string
		address net.IP
		pod     *api.PodInfo
		want    api.Verdict
		failed  bool
	}{
		{"known pod", net.IPv4(10, 244, 0, 7), &api.PodInfo{}, api.VerdictNext, false},
		{"unknown pod", net.IPv4(10, 244, 0, 7), nil, api.VerdictDeny, false},
		{"unknown pod, four bytes", net.IPv4(10, 244, 0, 7).To4(), nil, api.VerdictDeny, false},
		{"the node's end of a link", net.IPv4(10, 244, 0, 1), nil, api.VerdictNext, false},
		{"outside", net.IPv4(203, 0, 113, 1), nil, api.VerdictNext, false},
		{"no address", net.IP{1, 2}, nil, api.VerdictDeny, true},
	} {
		in, inErr := u.EvaluateIngress(t.Context(), &network.Packet{SrcIP: net.IPv4(203, 0, 113, 9), DstIP: c.address}, nil, c.pod)
		out, outErr := u.EvaluateEgress(t.Context(), &network.Packet{SrcIP: c.address, DstIP: net.IPv4(203, 0, 113, 9)}, c.pod, nil)
		if in != c.want || out != c.want || (inErr != nil) != c.failed || (outErr != nil) != c.failed {
			t.Errorf("%s: in %v (%v), out %v (%v), want %v", c.name, in, inErr, out, outErr, c.want)
		}
	}
	if _, err := newUnknownPods("10.244.0.0"); err == nil {
		t.Error("an address without a length is taken for a prefix")
	}
}
