package apply

import (
	"hash/maphash"
	"slices"

	"k8s.io/utils/lru"

	"github.com/govplatform/govplatform/internal/object"
)

// owners is how many of them are remembered. Of one that is forgotten a change that
// somebody asked for may be told before others.
const owners = 1 << 16

// Wanted knows of the children of owners whether they should be what they should have
// been in the owner's last round. So what is changed because it was asked for, by a
// standard perhaps, is told from what somebody did to a child.
type Wanted struct {
	seed maphash.Seed
	// last are the hashes of what an owner should have had.
	last *lru.Cache
}

// NewWanted returns a memory without any owner.
func NewWanted() *Wanted { return &Wanted{maphash.MakeSeed(), lru.New(owners)} }

// wanted is what is known of a child.
type wanted int

const (
	unknown wanted = iota
	asBefore
	otherwise
)

// compareWanted remembers what the owner should have, and compares it with what it should
// have had in its last round.
func (r *round) compareWanted() {
	if r.Wanted == nil || r.owner.UID == "" {
		return
	}
	before, known := r.Wanted.last.Get(r.owner.UID)
	was, _ := before.([]uint64)
	now := make([]uint64, 0, len(r.planned))
	r.asked = make(map[string]wanted, len(r.planned))
	for _, p := range r.planned {
		h := r.Wanted.hash(p.object)
		now = append(now, h)
		switch {
		case !known:
		case slices.Contains(was, h):
			r.asked[key(p.object)] = asBefore
		default:
			r.asked[key(p.object)] = otherwise
		}
	}
	if !slices.Equal(was, now) {
		r.Wanted.last.Add(r.owner.UID, now)
	}
}

func (w *Wanted) hash(o object.Object) uint64 {
	var h maphash.Hash
	h.SetSeed(w.seed)
	_, _ = h.WriteString(key(o))
	if e, ok := o.(encoder); ok {
		data, _ := e.Marshal() // What can't be encoded can't be written either.
		_, _ = h.Write(data)
	}
	return h.Sum64()
}
