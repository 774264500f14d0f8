package alerts

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// others are the metrics of controller-runtime that are used.
var others = []string{"controller_runtime_reconcile_errors_total", "workqueue_depth"}

var expressions = parser.NewParser(parser.Options{})

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// shipped returns the rules, which Prometheus's own reader has taken.
func shipped(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var object struct{ Spec yaml.Node }
	if err := yaml.Unmarshal(read(t, "config/prometheus/rules.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(&object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(spec, false, model.LegacyValidation, expressions, slog.Default())
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() || len(groups.Groups) != 1 || len(groups.Groups[0].Rules) == 0 {
		t.Fatalf("no group of rules that can be used: %+v", groups)
	}
	return groups.Groups[0].Rules
}

// TestAlerts lets Prometheus evaluate every alert each minute: it fires on the
// series that shall fire it, not before its hold is over, and not on the others.
// Fails with a threshold of 100 instead of 0, without the `on (instance, controller)`
// of GovplatformReconcileErrors, and with an alert without a scenario.
func TestAlerts(t *testing.T) {
	all := shipped(t)
	if len(all) != len(scenarios) {
		t.Errorf("%d alerts and %d scenarios", len(all), len(scenarios))
	}
	for _, r := range all {
		t.Run(r.Alert, func(t *testing.T) {
			s, ok := scenarios[r.Alert]
			if !ok {
				t.Fatal("has no scenario in cases_test.go")
			}
			if fired := evaluate(t, r, s.fires); fired == 0 {
				t.Error("does not fire")
			} else if fired < time.Duration(r.For) {
				t.Errorf("fires after %v, before its hold of %v", fired, r.For)
			}
			if fired := evaluate(t, r, s.silent); fired != 0 {
				t.Errorf("fires after %v on what it shall be silent on", fired)
			}
		})
	}
}

// evaluate returns after which time the alert fires, 0 for never within its hold
// and an hour, the longest range of all.
func evaluate(t *testing.T, r rulefmt.Rule, series string) time.Duration {
	t.Helper()
	expr, err := expressions.ParseExpr(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	storage := promqltest.LoadedStorage(t, "load 1m\n"+series)
	query := rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 5*time.Minute, promqltest.DefaultMaxSamplesPerQuery), storage)
	rule := rules.NewAlertingRule(r.Alert, expr, time.Duration(r.For), 0, labels.FromMap(r.Labels), labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.Default())
	for after := time.Minute; after <= time.Duration(r.For)+time.Hour; after += time.Minute {
		if _, err := rule.Eval(t.Context(), 0, time.Unix(0, 0).Add(after), query, nil, 0); err != nil {
			t.Fatal(err)
		}
		fires := false
		for _, a := range rule.ActiveAlerts() {
			fires = fires || a.State == rules.StateFiring
			a.Annotations.Range(func(l labels.Label) {
				if strings.Contains(l.Value, "error expanding") || strings.Contains(l.Value, "no value") || strings.Contains(l.Value, "  ") {
					t.Errorf("%s: %s", l.Name, l.Value)
				}
			})
		}
		if fires {
			return after
		}
	}
	return 0
}

// TestNotRunningWithoutScrape: an operator that is gone, or that nobody scrapes,
// shows no series at all.
// Fails without the `absent(…)` of the alert.
func TestNotRunningWithoutScrape(t *testing.T) {
	for _, r := range shipped(t) {
		if r.Alert == "GovplatformNotRunning" && evaluate(t, r, `up{job="other"} 1x1600`) == 0 {
			t.Error("does not fire without series")
		}
	}
}

// TestAlertsAndDocsAgree compares the alerts with the sections of the docs, both
// ways, and looks at what each alert must have.
// Fails with a section renamed, an alert renamed, or an annotation left out.
func TestAlertsAndDocsAgree(t *testing.T) {
	_, section, _ := strings.Cut(string(read(t, "docs/observability.md")), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, part := range strings.Split(section, "\n### ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		documented = append(documented, name)
		if !strings.Contains(text, "*Cause*:") || !strings.Contains(text, "*Remedy*:") {
			t.Errorf("docs/observability.md: %s has no cause or no remedy", name)
		}
	}
	var names []string
	for _, r := range shipped(t) {
		names = append(names, r.Alert)
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity is %q", r.Alert, r.Labels["severity"])
		}
		for _, a := range []string{"summary", "description"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s: has no %s", r.Alert, a)
			}
		}
		if want := "/docs/observability.md#" + strings.ToLower(r.Alert); !strings.HasSuffix(r.Annotations["runbook_url"], want) {
			t.Errorf("%s: runbook_url is %q, want …%s", r.Alert, r.Annotations["runbook_url"], want)
		}
	}
	slices.Sort(documented)
	slices.Sort(names)
	if !slices.Equal(documented, names) {
		t.Errorf("docs/observability.md has the alerts\n%v, the rules have\n%v", documented, names)
	}
}

// TestEveryMetricExists: what a rule or a panel reads is in the list of the docs,
// which a test of internal/metrics compares with the operator.
// Fails with a metric misspelt in a rule or in a panel.
func TestEveryMetricExists(t *testing.T) {
	known := slices.Clone(others)
	for _, m := range regexp.MustCompile("(?m)^\\| `(govplatform_[a-z_]+)` \\| ([a-z]+) ").FindAllStringSubmatch(string(read(t, "docs/observability.md")), -1) {
		known = append(known, m[1])
		if m[2] == "histogram" {
			known = append(known, m[1]+"_bucket", m[1]+"_sum", m[1]+"_count")
		}
	}
	used := panels(t)
	for _, r := range shipped(t) {
		used[r.Alert] = append(used[r.Alert], r.Expr)
	}
	for where, texts := range used {
		for _, text := range texts {
			expr, err := expressions.ParseExpr(text)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			for _, name := range metricsOf(expr) {
				if !slices.Contains(known, name) {
					t.Errorf("%s: docs/observability.md does not have %q", where, name)
				}
			}
		}
	}
}

// metricsOf names the metrics that an expression reads.
func metricsOf(expr parser.Expr) []string {
	var names []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	return names
}

// panels returns the expressions of the dashboard by the panel's title.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.NewDecoder(bytes.NewReader(read(t, "config/prometheus/dashboard.json"))).Decode(&dashboard); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for i, p := range dashboard.Panels {
		if p.ID != i+1 || p.Title == "" || len(p.Targets) == 0 || found[p.Title] != nil {
			t.Errorf("panel %d %q: id, title and targets must be there, once", p.ID, p.Title)
		}
		for _, target := range p.Targets {
			found[p.Title] = append(found[p.Title], target.Expr)
		}
	}
	return found
}
