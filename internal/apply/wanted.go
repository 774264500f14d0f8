package apply

import (
	"context"
	"hash/maphash"

	"k8s.io/utils/lru"
)

// owners is how many of them are remembered. Of one that is forgotten a change that
// somebody asked for may be told before others.
const owners = 1 << 16

// Wanted knows of owners whether they should have what they should have had in their
// last round.
type Wanted struct {
	seed maphash.Seed
	last *lru.Cache
}

// NewWanted returns a memory without any owner.
func NewWanted() *Wanted { return &Wanted{maphash.MakeSeed(), lru.New(owners)} }

// compareWanted notes whether the owner should have something else than in its last
// round, so that what is changed now is what was asked for, by a standard perhaps, and
// not what somebody did to a child.
func (r *round) compareWanted(ctx context.Context) {
	l, ok := ctx.Value(ledgerKey{}).(*Ledger)
	if r.Wanted == nil || !ok || r.owner.UID == "" {
		return
	}
	var h maphash.Hash
	h.SetSeed(r.Wanted.seed)
	for _, p := range r.planned {
		if e, ok := p.object.(encoder); ok {
			data, _ := e.Marshal() // What can't be encoded can't be written either.
			_, _ = h.Write(data)
		}
	}
	now := h.Sum64()
	before, known := r.Wanted.last.Get(r.owner.UID)
	if !known || before != now {
		r.Wanted.last.Add(r.owner.UID, now)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = l.asked || known && before != now
}
