package fault

import (
	"iter"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/govplatform/govplatform/test/harness"
)

// deaths kills the operator, as each world sees it, at a world's own n-th write: from then on no request that concerns
// the world passes. When all are dead, the test stops the process. So one run tries a kill point of every scenario.
type deaths struct {
	mu     sync.Mutex
	n      int
	before bool
	next   http.RoundTripper
	worlds map[*world]*death
}

type death struct {
	writes int
	// at names the write; empty while the world lives.
	at string
}

func newDeaths(n int, before bool, worlds []*world) *deaths {
	d := &deaths{n: n, before: before, worlds: map[*world]*death{}}
	for _, w := range worlds {
		d.worlds[w] = &death{}
	}
	return d
}

func (d *deaths) wrap(next http.RoundTripper) http.RoundTripper { d.next = next; return d }

// diedAt names the write at which a world's operator died; empty when it had fewer.
func (d *deaths) diedAt(w *world) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.worlds[w].at
}

// writesOf counts what a world's operator wrote while it lived.
func (d *deaths) writesOf(w *world) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.worlds[w].writes
}

func (d *deaths) RoundTrip(req *http.Request) (*http.Response, error) {
	if harness.IsWatch(req) || strings.Contains(req.URL.Path, "/leases") {
		return d.next.RoundTrip(req)
	}
	w := d.worldOf(req)
	if w == nil {
		return d.next.RoundTrip(req)
	}
	d.mu.Lock()
	state := d.worlds[w]
	dead := state.at != ""
	dying := !dead && harness.IsWrite(req) && state.writes == d.n
	if dying {
		state.at = req.Method + " " + req.URL.Path
	} else if harness.IsWrite(req) {
		state.writes++
	}
	d.mu.Unlock()
	if dying && !d.before {
		if res, err := d.next.RoundTrip(req); err == nil {
			_ = res.Body.Close()
		}
	}
	if dead || dying {
		return nil, harness.ErrKilled
	}
	return d.next.RoundTrip(req)
}

// worldOf finds the world that a request concerns.
func (d *deaths) worldOf(req *http.Request) *world { return worldOf(req, maps.Keys(d.worlds)) }

// worldOf finds the world that a request concerns: its names are unlike anything else's.
func worldOf(req *http.Request, worlds iter.Seq[*world]) *world {
	text := req.URL.Path
	if req.Method == http.MethodPost {
		text += bodyOf(req)
	}
	for w := range worlds {
		if strings.Contains(text, w.a) || strings.Contains(text, w.b) {
			return w
		}
	}
	return nil
}
