package reach

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// addresses is what is known of where an endpoint is: at most one address of each family, as in status.podIPs ("They
// may be allocated at most 1 value for each of IPv4 and IPv6", PodStatus, k8s.io/api/core/v1).
type addresses struct {
	v4, v6 netip.Addr
}

// add keeps the first address of each family.
func (a *addresses) add(address netip.Addr) {
	switch address = address.Unmap(); {
	case address.Is4() && !a.v4.IsValid():
		a.v4 = address
	case address.Is6() && !a.v6.IsValid():
		a.v6 = address
	}
}

// known reports whether there is any address.
func (a addresses) known() bool { return a.v4.IsValid() || a.v6.IsValid() }

// of returns the address of a family; it is invalid when there is none.
func (a addresses) of(family corev1.IPFamily) netip.Addr {
	switch family {
	case corev1.IPv4Protocol:
		return a.v4
	case corev1.IPv6Protocol:
		return a.v6
	}
	return netip.Addr{}
}

// families are the IP families that a connection could use, IPv4 first.
type families struct {
	list  [2]corev1.IPFamily
	count int
}

func (f *families) add(family corev1.IPFamily) {
	f.list[f.count] = family
	f.count++
}

// all returns the families; it holds one empty family when neither end has a known address.
func (f *families) all() []corev1.IPFamily { return f.list[:f.count] }

// commonFamilies returns the families both ends have. An end without any known address could have either, so it does
// not narrow the other's.
func commonFamilies(from, to addresses) families {
	var f families
	for _, family := range [...]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		if has(from, family) && has(to, family) && (from.known() || to.known()) {
			f.add(family)
		}
	}
	if !from.known() && !to.known() {
		f.add("")
	}
	return f
}

func has(a addresses, family corev1.IPFamily) bool {
	return !a.known() || a.of(family).IsValid()
}

// parseAddress returns the address, or an invalid one when the text is not an address.
func parseAddress(text string) netip.Addr {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap()
}

func familyOf(address netip.Addr) corev1.IPFamily {
	if address.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
