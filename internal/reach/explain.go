package reach

import (
	"fmt"
	"strings"
)

// shownRefs is how many policies or problems a sentence names before it counts the rest.
const shownRefs = 3

// Explain says in one or two sentences whether the flow is allowed, which side denies it, and which policies decide.
func (v Verdict) Explain() string {
	subject := fmt.Sprintf("%s cannot reach %s on %s", v.Flow.From, v.Flow.To, v.Flow.destinationPort())
	if v.Allowed {
		subject = fmt.Sprintf("%s may reach %s on %s", v.Flow.From, v.Flow.To, v.Flow.destinationPort())
	}
	sentence := subject + ": " + v.because() + "."
	if len(v.Problems) > 0 {
		sentence += " Faulty and therefore allowing nothing: " + list(v.Problems) + "."
	}
	return sentence
}

// because returns the reason as a clause.
func (v Verdict) because() string {
	switch v.Reason {
	case ReasonPolicies:
		return v.policyClauses()
	case ReasonSelfTraffic:
		return "a pod always reaches itself"
	case ReasonLocalNode:
		return "traffic between a pod and its own node is always allowed"
	case ReasonEndpointNotFound:
		return "an end of the flow is not in the snapshot"
	case ReasonEndpointTerminated:
		return "an end of the flow is a pod that has terminated"
	case ReasonEndpointAmbiguous:
		return "the snapshot has more than one pod for an end of the flow"
	case ReasonNoCommonIPFamily:
		return "the two ends have no IP family in common"
	case ReasonInvalidPort:
		return "the protocol must be TCP, UDP or SCTP and the port 1 to 65535"
	}
	return "no verdict was reached"
}

// policyClauses names the side that denies, or both sides that allow.
func (v Verdict) policyClauses() string {
	egress := v.Egress.clause("egress from " + v.Flow.From.String())
	ingress := v.Ingress.clause("ingress to " + v.Flow.To.String())
	switch {
	case v.Egress.Allowed == v.Ingress.Allowed:
		return egress + "; " + ingress
	case v.Egress.Allowed:
		return ingress
	default:
		return egress
	}
}

// clause describes one side, for example "ingress to b/api is allowed by b/from-a".
func (d DirectionVerdict) clause(side string) string {
	switch {
	case !d.Isolated:
		return side + " is isolated by no policy"
	case d.Allowed:
		return side + " is allowed by " + list(d.Deciding)
	case len(d.Undecided) > 0:
		return fmt.Sprintf("%s is denied: isolated by %s, and %s cannot be decided without the peer's address",
			side, list(d.Deciding), list(d.Undecided))
	default:
		return fmt.Sprintf("%s is denied: isolated by %s, and no policy allows this flow", side, list(d.Deciding))
	}
}

// list joins the first few items and counts the rest.
func list[T fmt.Stringer](items []T) string {
	names := make([]string, 0, shownRefs)
	for _, item := range items[:min(len(items), shownRefs)] {
		names = append(names, item.String())
	}
	joined := strings.Join(names, ", ")
	if rest := len(items) - len(names); rest > 0 {
		joined += fmt.Sprintf(" and %d more", rest)
	}
	return joined
}
