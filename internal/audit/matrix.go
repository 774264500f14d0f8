package audit

import (
	"slices"
	"strings"

	"github.com/govplatform/govplatform/internal/reach"
)

// portalMatrix looks at every ordered pair of portals on every port.
func (a *auditor) portalMatrix() {
	ports := a.evaluator.RepresentativePorts()
	for k := range a.expected {
		// A port that should be open and that no policy names stands for itself.
		ports = append(ports, k.port)
	}
	m := a.evaluator.Matrix(a.groups, ports)
	a.report.Ports = len(m.Ports)
	for _, e := range m.Unresolved {
		a.differ(KindUnreadable, "pod %s could not be looked at", e)
	}
	seen := map[edge]bool{}
	for i, from := range a.keys {
		for j, to := range a.keys {
			cell := m.Cell(i, j)
			if cell.Pairs > 0 && i != j {
				a.report.Pairs++
			}
			for _, port := range cell.OpenPorts {
				k := edge{from: from, to: to, port: port}
				if a.expected[k] == nil {
					a.surplus(k, cell)
					continue
				}
				seen[k] = true
			}
			// Every pod of a portal must reach every pod of the other.
			if len(cell.OpenPorts) > 0 && cell.OpenPairs < cell.Pairs {
				a.differ(KindShut, "%s reaches only some pods of %s: %d of %d pairs of pods", from, to, cell.OpenPairs, cell.Pairs)
			}
		}
	}
	for k, because := range a.expected {
		if !k.block.IsValid() && !seen[k] {
			a.missing(k, because)
		}
	}
}

func (a *auditor) surplus(k edge, cell reach.Cell) {
	flow := cell.Example
	flow.Protocol, flow.Port = k.port.Protocol, k.port.Number
	v := a.evaluator.Evaluate(flow)
	a.differ(KindOpen, "%s reaches %s on %s, which no approved link and no declared platform allows; it is opened by %s", k.from, k.to, k.port, deciding(v))
}

func (a *auditor) missing(k edge, because []string) {
	slices.Sort(because)
	a.shut[k] = true
	a.differ(KindShut, "%s does not reach %s on %s, which is approved or declared: %s", k.from, k.target(), k.port, strings.Join(slices.Compact(because), ", "))
}

func deciding(v reach.Verdict) string {
	var out []string
	for _, d := range []reach.DirectionVerdict{v.Egress, v.Ingress} {
		if !d.Isolated {
			out = append(out, "the absence of a policy that isolates one of them")
		}
		for _, p := range d.Deciding {
			out = append(out, p.String())
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
