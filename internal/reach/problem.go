package reach

import (
	"cmp"
	"slices"
)

// Kinds of object that a [Problem] can name.
const (
	KindNamespace     = "Namespace"
	KindNetworkPolicy = "NetworkPolicy"
	KindPod           = "Pod"
)

// Problem is something in the snapshot that cannot be read, or that contradicts itself. Whatever it stands in allows
// nothing, so every problem narrows the verdicts; a caller that proves isolation must not accept a snapshot with
// problems, because the API server might have refused the object and the policy might not exist.
type Problem struct {
	// Kind is one of the Kind constants.
	Kind string
	// Namespace of the object; empty for a Namespace.
	Namespace string
	// Name of the object.
	Name string
	// Field is the path inside the object, for example spec.ingress[0].from[1].ipBlock.cidr.
	Field string
	// Message says what is wrong with the field and what it does to the verdicts.
	Message string
}

// String returns the problem in one line.
func (p Problem) String() string {
	object := p.Kind + " " + p.Name
	if p.Namespace != "" {
		object = p.Kind + " " + p.Namespace + "/" + p.Name
	}
	return object + ": " + p.Field + ": " + p.Message
}

// Compare orders problems by object, field and message.
func (p Problem) Compare(other Problem) int {
	return cmp.Or(
		cmp.Compare(p.Kind, other.Kind),
		cmp.Compare(p.Namespace, other.Namespace),
		cmp.Compare(p.Name, other.Name),
		cmp.Compare(p.Field, other.Field),
		cmp.Compare(p.Message, other.Message),
	)
}

// sortedProblems sorts in place and drops duplicates.
func sortedProblems(problems []Problem) []Problem {
	slices.SortFunc(problems, Problem.Compare)
	return slices.Compact(problems)
}
