package settings

import (
	"fmt"
	"net/netip"
	"slices"
)

// NameServers are the pods that answer DNS, or addresses where no pod answers: a
// cache on every node (NodeLocal DNSCache), or servers outside the cluster.
type NameServers struct {
	Peer `json:",inline"`
	// Addresses in CIDR form, e.g. 169.254.20.10/32; at most 16 blocks of at most 8 addresses.
	Addresses []string `json:"addresses,omitempty"`
}

// Bounds of the addresses: name servers are few, and each block opens a port to
// everything in it.
const (
	maxNameServers     = 16
	nameServerHostBits = 3
)

// metadata are where clouds hand out credentials; no name server is there.
var metadata = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

func (n NameServers) validate(field string) error {
	if len(n.Addresses) > maxNameServers {
		return fmt.Errorf("%s.addresses has %d entries: name at most %d", field, len(n.Addresses), maxNameServers)
	}
	for i, a := range n.Addresses {
		if err := validNameServer(a); err != nil {
			return fmt.Errorf("%s.addresses[%d] is %q: %w", field, i, a, err)
		}
	}
	if n.Namespace == "" && len(n.PodLabels) == 0 && len(n.Addresses) > 0 {
		return nil
	}
	if err := n.Peer.validate(field); err != nil {
		return err
	}
	if len(n.PodLabels) == 0 {
		return fmt.Errorf("%s.podLabels is empty: it would open DNS ports of the whole namespace; name the labels of the DNS pods", field)
	}
	return nil
}

func validNameServer(text string) error {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return fmt.Errorf("not an address with the length of its prefix; write e.g. 169.254.20.10/32")
	case p.Masked() != p || p.Addr().Is4In6():
		return fmt.Errorf("write %s, the first address of the block", p.Masked())
	case p.Addr().BitLen()-p.Bits() > nameServerHostBits:
		return fmt.Errorf("the block is larger than 8 addresses; name the name servers themselves")
	case p.Addr().IsLoopback() || p.Addr().IsMulticast() || p.Addr().IsUnspecified():
		return fmt.Errorf("no name server has such an address; name the one that pods ask")
	case slices.ContainsFunc(metadata, p.Contains):
		return fmt.Errorf("it holds the address at which clouds hand out credentials; name the name servers themselves")
	}
	return nil
}
