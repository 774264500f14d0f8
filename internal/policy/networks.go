package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/govplatform/govplatform/internal/control"
	"github.com/govplatform/govplatform/internal/settings"
)

// neverPlatforms are addresses that no platform outside the cluster has: the
// machine itself, its neighbours on the wire, groups, and where clouds serve a
// machine's metadata.
var neverPlatforms = prefixes(
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
	"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
	"::/127", "::ffff:0:0/96", "64:ff9b::/96", "fe80::/10", "ff00::/8", "fd00:ec2::254/128",
)

// mostAddresses is how much room one platform may have: a /16 of version 4, or as
// many /64 networks of version 6.
const mostAddresses = 1 << 16

// BlocksProblem says why the blocks can't be those of an external platform;
// empty when they can.
func BlocksProblem(s settings.Settings, blocks []string) string {
	cluster := prefixes(s.ClusterRanges...)
	var seen []netip.Prefix
	var v4, v6 uint64
	for _, b := range blocks {
		p, err := netip.ParsePrefix(b)
		overlaps := func(o netip.Prefix) bool { return o.Overlaps(p) }
		switch {
		case err != nil:
			return fmt.Sprintf("%q is no block of addresses", b)
		case p.Addr().Is4In6() || slices.ContainsFunc(neverPlatforms, overlaps):
			return fmt.Sprintf("%s has addresses that no platform has (loopback, link-local, multicast, metadata or reserved)", b)
		case slices.ContainsFunc(cluster, overlaps):
			return fmt.Sprintf("%s has addresses of the cluster itself (settings: clusterRanges)", b)
		case !control.InNetworks(s.Networks, b):
			return fmt.Sprintf("%s is outside the declared networks (settings: networks)", b)
		case slices.ContainsFunc(seen, overlaps):
			return fmt.Sprintf("%s overlaps another block of the platform", b)
		}
		seen = append(seen, p)
		if p.Addr().Is4() {
			v4 += 1 << (32 - p.Bits())
		} else {
			v6 += 1 << max(0, 64-p.Bits())
		}
	}
	if v4 > mostAddresses || v6 > mostAddresses {
		return "the blocks together are larger than a /16 (version 6: than a /48); name the platform's own addresses"
	}
	return ""
}

// prefixes parses blocks. What can't be parsed contains nothing; settings are
// checked when they are read.
func prefixes(blocks ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, b := range blocks {
		if p, err := netip.ParsePrefix(b); err == nil {
			out = append(out, p)
		}
	}
	return out
}
