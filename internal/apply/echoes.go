package apply

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/internal/object"
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

// Add notes what the API server answered to a write of an owner's round.
func (e *Echoes) Add(ctx context.Context, kind string, owner types.NamespacedName, answer client.Object) {
	if e == nil || kind != e.kind || answer.GetResourceVersion() == "" {
		return
	}
	one := echo{owner, answer.GetUID(), answer.GetResourceVersion()}
	e.due.Add(one, nil)
	if l, ok := ctx.Value(ledgerKey{}).(*Ledger); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.echoes = append(l.echoes, one)
	}
}

// Forget has the events count of what a round wrote: one that failed, or whose record is
// not stored. Those that came already are of what the cache shows to the round that
// follows.
func (e *Echoes) Forget(done *Ledger) {
	if e == nil {
		return
	}
	done.mu.Lock()
	defer done.mu.Unlock()
	for _, one := range done.echoes {
		e.due.Remove(one)
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

// wrote notes what the API server answered to a write of a child. Where that is not what
// was written, since somebody's admission changed it, its event counts.
func (r *round) wrote(ctx context.Context, p planned, answer object.Object) {
	if r.Echoes == nil || r.owner.Kind != r.Echoes.kind {
		return
	}
	if _, equal, err := merge(p.row, p.object, answer); err == nil && equal {
		r.Echoes.Add(ctx, r.owner.Kind, types.NamespacedName{Namespace: r.owner.Namespace, Name: r.owner.Name}, answer)
	}
}
