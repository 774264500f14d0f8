package apply

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// awaited is how many writes wait for their event. One that is forgotten costs a
// round that finds nothing to do.
const awaited = 1 << 14

// Echoes are the writes of the rounds of one kind whose events are still to come. They
// tell the owner nothing: a round that wrote is followed by one that looks at all of it.
// What anybody else writes has another version, and is none.
type Echoes struct {
	kind string
	due  *lru.Cache
}

// NewEchoes returns an empty set for the owners of a kind.
func NewEchoes(kind string) *Echoes { return &Echoes{kind, lru.New(awaited)} }

type echo struct {
	owner   types.NamespacedName
	uid     types.UID
	version string
}

// Add notes what the API server answered to a write for an owner.
func (e *Echoes) Add(kind string, owner types.NamespacedName, answer client.Object) {
	if e != nil && kind == e.kind && answer.GetResourceVersion() != "" {
		e.due.Add(echo{owner, answer.GetUID(), answer.GetResourceVersion()}, nil)
	}
}

// Take reports whether an event shows an owner nothing but its own write, and forgets
// that. A deletion shows nobody's write, and has nothing shown.
func (e *Echoes) Take(owner types.NamespacedName, shown client.Object) bool {
	if e == nil || shown == nil {
		return false
	}
	key := echo{owner, shown.GetUID(), shown.GetResourceVersion()}
	_, ok := e.due.Get(key)
	if ok {
		e.due.Remove(key)
	}
	return ok
}

func (r *round) wrote(answer client.Object) {
	r.Echoes.Add(r.owner.Kind, types.NamespacedName{Namespace: r.owner.Namespace, Name: r.owner.Name}, answer)
}
