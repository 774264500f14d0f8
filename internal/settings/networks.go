package settings

import (
	"fmt"
	"net/netip"
	"time"
)

func (s Settings) validateNetworks() error {
	for field, blocks := range map[string][]string{"networks": s.Networks, "clusterRanges": s.ClusterRanges} {
		for i, b := range blocks {
			p, err := netip.ParsePrefix(b)
			if err != nil || p != p.Masked() || p.Addr().Is4In6() {
				return fmt.Errorf("%s[%d] is %q: give a block of addresses without host bits, e.g. 10.1.0.0/16", field, i, b)
			}
			if p.Bits() == 0 {
				return fmt.Errorf("%s[%d] is %q: everything is no network; name the blocks of the dedicated network and the data centres", field, i, b)
			}
		}
	}
	return nil
}

// Show writes a time with its zone: that of the installation, in which its
// people think.
func (s Settings) Show(t time.Time) string {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone).Format(time.RFC3339)
}
