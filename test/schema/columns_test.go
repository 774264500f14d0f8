package schema

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// TestColumns prints every column of every kind as the API server does for
// kubectl. None says <invalid> or <unknown>, and each has something to show for one
// of the samples, which fill every field and lie in the future where they can.
//
// With type=date, which prints an age, Valid-Until says <invalid>.
func TestColumns(t *testing.T) {
	makeNamespace(t)
	for kind := range emptyObjects() {
		t.Run(kind, func(t *testing.T) {
			shown := map[string]bool{}
			for _, sample := range readSamples(t) {
				if sample.GetKind() != kind {
					continue
				}
				sample.SetName("columns-" + sample.GetName())
				if status, body := request(t, http.MethodPost, urlOf(t, kind, ""), mustJSON(t, sample.Object)); status != http.StatusCreated {
					t.Fatalf("create: %d %s", status, body)
				}
				defer remove(t, sample)
				if status, body := request(t, http.MethodPatch, urlOf(t, kind, sample.GetName())+"/status", mustJSON(t, sample.Object)); status != http.StatusOK {
					t.Fatalf("write the status: %d %s", status, body)
				}
				printed := table(t, urlOf(t, kind, sample.GetName()))
				for i, column := range printed.ColumnDefinitions {
					value := fmt.Sprint(printed.Rows[0].Cells[i])
					if strings.Contains(value, "<") && slices.Contains([]string{"<invalid>", "<unknown>", "<none>"}, value) {
						t.Errorf("column %s of %s prints %s", column.Name, sample.GetName(), value)
					}
					shown[column.Name] = shown[column.Name] || value != "" && printed.Rows[0].Cells[i] != nil
				}
			}
			for name, ok := range shown {
				if !ok {
					t.Errorf("column %s of %s is empty for all of its samples: fill what it shows in test/schema/samples_test.go, or mend the JSONPath of its marker", name, kind)
				}
			}
			for _, c := range definition(t, kind).Spec.Versions[0].AdditionalPrinterColumns {
				if !shown[c.Name] {
					t.Errorf("column %s is not printed", c.Name)
				}
				if c.Type == "date" && c.JSONPath != ".metadata.creationTimestamp" {
					t.Errorf("column %s prints the age of %s, which is <invalid> for a time to come; use type=string", c.Name, c.JSONPath)
				}
			}
		})
	}
}

func table(t *testing.T, path string) metav1.Table {
	t.Helper()
	cfg := env.ControlPlane.AdminConfig()
	c, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	status, body := send(t, c, cfg.Host, http.MethodGet, path, nil, "application/json;as=Table;v=v1;g=meta.k8s.io")
	var out metav1.Table
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || len(out.Rows) != 1 {
		t.Fatalf("print %s: %d, %v: %s", path, status, err, body)
	}
	return out
}
