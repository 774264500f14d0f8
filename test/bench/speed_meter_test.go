package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// meter counts requests in a client's transport.
type meter struct {
	mu sync.Mutex
	// first and last are when the first write of a portal's objects began and the
	// last one ended.
	first, last time.Time
	// writes of what portals have, by resource, and of everything else but Events.
	writes, others map[string]int
	// events that were written, writes that lost a race, and writes that failed.
	events, conflicts, failed int
	// reads past the caches since the first write.
	reads int
	// record makes the meter keep the writes of what portals have.
	record bool
	kept   []recorded
}

// recorded is a write as it was sent.
type recorded struct {
	method, uri, contentType, accept string
	body                             []byte
}

func newMeter() *meter { return &meter{writes: map[string]int{}, others: map[string]int{}} }

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes, m.others, m.kept = map[string]int{}, map[string]int{}, nil
	m.first, m.last = time.Time{}, time.Time{}
	m.events, m.conflicts, m.failed, m.reads = 0, 0, 0, 0
}

// count is how many writes there were of what portals have.
func (m *meter) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sum(m.writes)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// span is how long the writes of what portals have took.
func (m *meter) span() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.Sub(m.first)
}

func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var parts []string
	for _, r := range slices.Sorted(maps.Keys(m.writes)) {
		parts = append(parts, fmt.Sprintf("%s %d", r, m.writes[r]))
	}
	for _, r := range slices.Sorted(maps.Keys(m.others)) {
		parts = append(parts, fmt.Sprintf("(%s %d)", r, m.others[r]))
	}
	return strings.Join(append(parts, fmt.Sprintf("(events %d)", m.events)), " ")
}

// Wrap returns a transport that counts.
func (m *meter) Wrap(next http.RoundTripper) http.RoundTripper {
	return transportFunc(func(req *http.Request) (*http.Response, error) { return m.countTrip(next, req) })
}

type transportFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (m *meter) countTrip(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	query := req.URL.Query()
	switch {
	case strings.Contains(req.URL.Path, "/leases") || strings.Contains(req.URL.Path, "/selfsubject") || query.Get("dryRun") != "":
		return next.RoundTrip(req)
	case req.Method == http.MethodGet:
		if query.Get("watch") == "" && strings.Count(strings.Trim(req.URL.Path, "/"), "/") > 2 {
			m.read()
		}
		return next.RoundTrip(req)
	}
	begin := time.Now()
	if m.record {
		if err := m.keep(req); err != nil {
			return nil, err
		}
	}
	res, err := next.RoundTrip(req)
	m.wrote(req, res, begin)
	return res, err
}

func (m *meter) read() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.first.IsZero() {
		m.reads++
	}
}

func (m *meter) wrote(req *http.Request, res *http.Response, begin time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	resource := resourceOf(req.URL.Path)
	switch {
	case resource == "events":
		m.events++
		return
	case ofPortals(req.URL.Path):
		m.writes[resource]++
		if m.first.IsZero() {
			m.first = begin
		}
		m.last = time.Now()
	default:
		m.others[resource]++
	}
	switch {
	case res == nil || res.StatusCode >= 300 && res.StatusCode != http.StatusConflict:
		m.failed++
	case res.StatusCode == http.StatusConflict:
		m.conflicts++
	}
}

func (m *meter) keep(req *http.Request) error {
	if !ofPortals(req.URL.Path) {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, recorded{req.Method, req.URL.RequestURI(), req.Header.Get("Content-Type"), req.Header.Get("Accept"), body})
	return nil
}

// portalsResources are what a portal costs: its children, and its status.
var portalsResources = []string{"agencyportals", "deployments", "horizontalpodautoscalers", "networkpolicies", "poddisruptionbudgets", "serviceaccounts", "services"}

// ofPortals reports whether a path is that of a portal's object or of its status. The
// agencies of the benchmark have what they need before anything is measured.
func ofPortals(path string) bool {
	return strings.Contains(path, "/namespaces/agency-") && slices.Contains(portalsResources, resourceOf(path))
}

// resourceOf returns the resource that a path names.
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 3 {
		return path
	}
	parts = parts[2:] // api and a version, or apis, a group, and a version.
	if strings.HasPrefix(path, "/apis/") && len(parts) > 1 {
		parts = parts[1:]
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		return parts[2]
	}
	return parts[0]
}

// served counts the writes of what portals have that the API server says it served,
// by resource.
func served(ctx context.Context, c rest.Interface) (map[string]int, error) {
	raw, err := c.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	out := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		labels, ok := strings.CutPrefix(lines.Text(), "apiserver_request_total{")
		if !ok || !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, label(labels, "verb")) || label(labels, "dry_run") != "" {
			continue
		}
		resource := label(labels, "resource")
		n, err := strconv.ParseFloat(labels[strings.LastIndexByte(labels, ' ')+1:], 64)
		// Tokens of ServiceAccounts are no writes.
		if err == nil && slices.Contains(portalsResources, resource) && slices.Contains([]string{"", "status"}, label(labels, "subresource")) {
			out[resource] += int(n)
		}
	}
	return out, lines.Err()
}

// label returns the value of a label in a line of metrics.
func label(line, name string) string {
	_, after, _ := strings.Cut(","+line, ","+name+`="`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}
