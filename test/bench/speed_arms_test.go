package bench

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/controllers"
)

// template is the data of a control plane with agencies and N portals that nobody
// has reconciled, and what the operator writes for each of these.
type template struct {
	dir string
	n   int
	// writes of each portal, in their order: its children and its status.
	writes [][]recorded
}

// children is the K of K+1.
func (t *template) children() int { return len(t.writes[0]) - 1 }

func (t *template) total() (n int) {
	for _, w := range t.writes {
		n += len(w)
	}
	return n
}

func newTemplate(b *testing.B, n int) *template {
	b.Helper()
	t := &template{dir: filepath.Join(b.TempDir(), "template"), n: n}
	p := open(b, t.dir)
	op := p.operator(newMeter())
	p.createAgencies(0, n)
	op.idle(2 * time.Second)
	op.stop()
	p.createPortals(0, n)
	p.close()

	p = fresh(b, t.dir)
	defer p.close()
	m := newMeter()
	m.record = true
	op = p.operator(m)
	op.idle(3 * time.Second)
	op.stop()
	t.writes = p.byPortal(m.kept)
	for i, w := range t.writes {
		if len(w) != len(t.writes[0]) {
			b.Errorf("one portal needs %d writes and another one %d", len(t.writes[0]), len(t.writes[i]))
			break
		}
	}
	return t
}

var uids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// byPortal sorts writes by the portal that they are for.
func (p *plane) byPortal(all []recorded) [][]recorded {
	p.Helper()
	var portals v1alpha1.AgencyPortalList
	if err := p.Admin.List(p.Context(), &portals); err != nil {
		p.Fatal(err)
	}
	of := map[string]int{}
	for i := range portals.Items {
		of[string(portals.Items[i].UID)] = i
		of[portals.Items[i].Namespace+"/agencyportals/"+portals.Items[i].Name+"/status"] = i
	}
	out := make([][]recorded, len(portals.Items))
	for _, w := range all {
		_, path, _ := strings.Cut(w.uri, "/namespaces/")
		path, _, _ = strings.Cut(path, "?")
		i, known := of[path]
		for _, uid := range uids.FindAll(w.body, -1) {
			if !known {
				i, known = of[string(uid)]
			}
		}
		if !known {
			p.Errorf("a write is for no portal: %s %s", w.method, w.uri)
			continue
		}
		out[i] = append(out[i], w)
	}
	return out
}

// replayer is the bare client: it sends what was recorded, and decodes the answers,
// as any client does that wants to know what it wrote.
type replayer struct {
	client *http.Client
	host   string
	decode func([]byte) error
}

func (p *plane) replayer(m *meter) *replayer {
	p.Helper()
	cfg := p.as(m)
	c, err := rest.HTTPClientFor(cfg)
	if err != nil {
		p.Fatal(err)
	}
	scheme, err := controllers.NewScheme()
	if err != nil {
		p.Fatal(err)
	}
	d := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	r := &replayer{c, cfg.Host, func(b []byte) error { _, _, err := d.Decode(b, nil, nil); return err }}
	// The connection stands before anything is measured.
	if res, err := c.Get(cfg.Host + "/version"); err == nil {
		_ = res.Body.Close()
	}
	return r
}

func (r *replayer) send(w recorded) error {
	req, err := http.NewRequest(w.method, r.host+w.uri, bytes.NewReader(w.body)) //nolint:noctx // It ends with the control plane.
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", w.contentType)
	req.Header.Set("Accept", w.accept)
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %.300s", w.method, w.uri, res.StatusCode, body)
	}
	if err == nil {
		err = r.decode(body)
	}
	return err
}

// armResult is one run of one arm.
type armResult struct {
	span   time.Duration
	used   used
	meter  *meter
	served map[string]int
	rounds int
}

// rate is in writes of what portals have, a second.
func (a armResult) rate(t *template) float64 { return float64(t.total()) / a.span.Seconds() }

func (a armResult) print(t *template, name string) {
	agree := "as the API server counts"
	if !maps.Equal(a.meter.writes, a.served) {
		agree = fmt.Sprintf("BUT THE API SERVER COUNTS %v", a.served)
	}
	fmt.Printf("  %-8s %6.2f s  %6.0f writes/s  writes %d, %s; conflicts %d  events %d  reads %d  processor per portal %.1f ms, control plane's %.1f ms; %s\n",
		name, a.span.Seconds(), a.rate(t), sum(a.meter.writes), agree, a.meter.conflicts, a.meter.events, a.meter.reads,
		a.used.self.Seconds()*1000/float64(t.n), a.used.below.Seconds()*1000/float64(t.n), a.used)
}

// counted runs one arm on a control plane of its own and asks the API server what it
// counted meanwhile.
func (t *template) counted(b *testing.B, run func(p *plane, m *meter) armResult) armResult {
	b.Helper()
	p := fresh(b, t.dir)
	defer p.close()
	m := newMeter()
	before, err := served(b.Context(), p.clients.RESTClient())
	if err != nil {
		b.Fatal(err)
	}
	res := run(p, m)
	after, err := served(b.Context(), p.clients.RESTClient())
	if err != nil {
		b.Fatal(err)
	}
	res.served = map[string]int{}
	for r, n := range after {
		if n -= before[r]; n > 0 {
			res.served[r] = n
		}
	}
	return res
}

// bare is arm A1, and A2 with the operator's watches open.
func (t *template) bare(b *testing.B, at int, watched bool) armResult {
	b.Helper()
	return t.counted(b, func(p *plane, m *meter) armResult {
		if watched {
			w := p.watches()
			defer w.stop()
			time.Sleep(settle)
		}
		r := p.replayer(m)
		start := cpuNow()
		p.parallel(len(t.writes), at, func(i int) error {
			for _, w := range t.writes[i] {
				if err := r.send(w); err != nil {
					return err
				}
			}
			return nil
		})
		return armResult{span: m.span(), used: cpuNow().since(start), meter: m}
	})
}

// operated is arm B.
func (t *template) operated(b *testing.B) armResult {
	b.Helper()
	return t.counted(b, func(p *plane, m *meter) armResult {
		before, start := working(), cpuNow()
		op := p.operator(m)
		defer op.stop()
		for last, since := -1, time.Now(); m.count() < t.total() && time.Since(since) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
			if n := m.count(); n != last {
				last, since = n, time.Now()
			}
		}
		res := armResult{span: m.span(), used: cpuNow().since(start), meter: m}
		op.idle(2 * time.Second)
		res.rounds = working().all() - before.all()
		return res
	})
}

// plateau sweeps how many requests are sent at once, and returns with how many a bare
// client is fastest while the operator's watches are open.
func (t *template) plateau(b *testing.B) int {
	b.Helper()
	fmt.Println("sweep of the bare client:")
	best, at := 0.0, 0
	for _, parallel := range []int{1, 4, 8, 16, 32} {
		for _, watched := range []bool{false, true} {
			res := t.bare(b, parallel, watched)
			res.print(t, armName(watched, parallel))
			if rate := res.rate(t); watched && rate > best {
				best, at = rate, parallel
			}
		}
	}
	return at
}

func armName(watched bool, parallel int) string {
	if watched {
		return fmt.Sprintf("A2 at %d", parallel)
	}
	return fmt.Sprintf("A1 at %d", parallel)
}

// arms runs the arms by turns and adds what they show to the table.
func (t *template) arms(b *testing.B, rounds, at int, table *table) {
	b.Helper()
	order := []string{"A1", "A2", "B"}
	for round := range rounds {
		fmt.Printf("round %d of the arms:\n", round+1)
		rates := map[string]float64{}
		for i := range order {
			name := order[(i+round)%len(order)]
			var res armResult
			if name == "B" {
				res = t.operated(b)
				res.print(t, "B")
				t.addOperated(res, table)
			} else {
				res = t.bare(b, at, name == "A2")
				res.print(t, armName(name == "A2", at))
			}
			rates[name] = res.rate(t)
		}
		fmt.Printf("  B/A2 %.2f  B/A1 %.2f  A2/A1 %.2f\n", rates["B"]/rates["A2"], rates["B"]/rates["A1"], rates["A2"]/rates["A1"])
		table.add("throughput: B/A2", rates["B"]/rates["A2"])
		table.add("throughput: B/A1", rates["B"]/rates["A1"])
		table.add("throughput: A2/A1", rates["A2"]/rates["A1"])
	}
}

func (t *template) addOperated(res armResult, table *table) {
	table.add("writes per portal created, beyond K+1", float64(sum(res.meter.writes)-t.total())/float64(t.n))
	table.add("conflicts while portals are created", float64(res.meter.conflicts))
	table.add("events per portal created", float64(res.meter.events)/float64(t.n))
	table.add("reads past the cache per round after the sync", float64(res.meter.reads)/float64(max(1, res.rounds)))
	table.add("rounds per portal created, of all controllers", float64(res.rounds)/float64(t.n))
	resources := slices.Sorted(maps.Keys(res.meter.others))
	if len(resources) > 0 {
		fmt.Printf("           %s\n", res.meter)
	}
}
