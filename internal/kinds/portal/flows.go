package portal

import (
	"github.com/govplatform/govplatform/internal/flow"
	"github.com/govplatform/govplatform/internal/object"
)

// Flows says what may pass from a portal to the shared platforms that
// the spec which runs references.
func Flows(in Input, out Output) []flow.Open {
	if out.Running == nil || suspended(in) {
		return nil
	}
	agency := Scope(in).Agency
	from := flow.KeyOf(in.Portal)
	var flows []flow.Open
	for _, ref := range out.Running.PlatformRefs {
		p, b := resolvePlatform(in, agency, string(ref.Name))
		if b != nil {
			continue
		}
		if ext := p.Platform.Spec.Endpoint.External; ext != nil {
			flows = append(flows, flow.Open{From: from, CIDRs: object.Sorted(ext.CIDRs), Port: ext.Port})
			continue
		}
		if to := flow.KeyOf(p.Endpoint.Portal); to != from {
			flows = append(flows, flow.ToPorts(from, to, p.Endpoint.Portal)...)
		}
	}
	return flows
}
