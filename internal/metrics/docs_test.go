package metrics

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestDocsNameEveryMetric fails with a metric that docs/observability.md does not
// name, and with one there that does not exist.
func TestDocsNameEveryMetric(t *testing.T) {
	data, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan *prometheus.Desc, 100)
	Collector{}.Describe(all)
	for _, c := range Counters() {
		c.Describe(all)
	}
	close(all)
	name := regexp.MustCompile(`fqName: "([a-z_]+)"`)
	exist := map[string]bool{}
	for d := range all {
		metric := name.FindStringSubmatch(d.String())[1]
		exist[metric] = true
		if !strings.Contains(string(data), "| `"+metric+"` |") {
			t.Errorf("docs/observability.md has no row for %s", metric)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(govplatform_[a-z_]+)` \\|").FindAllStringSubmatch(string(data), -1) {
		if !exist[m[1]] {
			t.Errorf("docs/observability.md has %s, which does not exist", m[1])
		}
	}
}
