package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// spellings are raw JSON values per class of parsed fields: good ones, and those
// that a schema is likely to let pass and Go does not read, or reads and does not
// write so that it can be read again.
var spellings = map[string][]string{
	classTime: append(quoted(
		"2027-01-31T17:00:00Z", "2027-01-31T17:00:00+07:00", "2027-01-31T17:00:00.5Z", "2027-01-31T17:00:00-12:00", "2028-02-29T00:00:00Z",
		"2099-01-01t00:00:00z", "2027-01-31t17:00:00Z", "2027-01-31T17:00:00z", "2027-01-31 17:00:00Z", "2027-01-31T17:00:00", "2027-01-31T17:00Z",
		"2027-01-31T17:00:00+0700", "2027-01-31T17:00:00+07", "2027-01-31T17:00:00 +07:00", "2027-01-31T17:00:00+24:00", "2027-01-31T17:00:00+23:59",
		"2027-01-31T17:00:00+15:00", "2027-01-31T17:00:00+07:60", "2027-01-31T17:00:00-00:00", "2027-01-31T24:00:00Z", "2027-01-31T23:60:00Z", "2027-01-31T23:59:60Z",
		"2027-02-30T00:00:00Z", "2027-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2027-04-31T00:00:00Z", "2027-13-01T00:00:00Z", "2027-00-10T00:00:00Z", "2027-01-00T00:00:00Z",
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
		"10000-01-01T00:00:00Z", "-2027-01-01T00:00:00Z", "+2027-01-01T00:00:00Z", "0000-01-01T00:00:00+14:00",
		"2027-01-31T17:00:00,5Z", "2027-01-31T17:00:00x5Z", "2027-01-31T17:00:00.Z", "2027-01-31T17:00:00."+strings.Repeat("1", 30)+"Z", "2027-01-31T17:00:00."+strings.Repeat("9", 5000)+"Z",
		"2027-01-31", "20270131T170000Z", "2027-W05-7T00:00:00Z", "2027-031T00:00:00Z", "2027-1-31T17:00:00Z", "31/01/2027", "now", "", " ",
		" 2027-01-31T17:00:00Z", "2027-01-31T17:00:00Z ", "2027-01-31T17:00:00Z\\n", "2027-01-31T17:00:00Z\\u0000", "２０２７-01-31T17:00:00Z", "٢٠٢٧-01-31T17:00:00Z", "2027-01-31T17:00:00\\u2212 07:00",
		"2027-01-31T17:00:00UTC", "2027-01-31T17:00:00ZZ", "2027-01-31T17:00:00Z+07:00", "2027-01-31TT17:00:00Z",
	), "null", "0", "1800000000", "1.5", "true", "{}", "[]"),
	classQuantity: append(quoted(
		"1", "500m", "1.5", "64Gi", "0.5", "1k", "1M", "1T", "1Ti", "999999999999999", "999999999999999Ti", "0.001", "0.000001", "1.000001",
		"1e3", "1E3", "1e1.5", "1e", "1e999999999", "1e-999999999", "1E999999999", "12e6", "1e+3", "-1", "+1", "0", "0.0", "0m", "00", "007", "-0", "", " ", " 1", "1 ", "1\\n", "1\\u0000",
		"１", "٣", "1Ｋi", "1К", "1Ki", "1ki", "1KI", "1Kib", "1KB", "1n", "1u", "1µ", "1Ei", "1E", "1Pi", "1P", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616",
		"99999999999999999999999999Ti", strings.Repeat("9", 24), strings.Repeat("9", 1000), "0."+strings.Repeat("0", 1000)+"1", "0.0000000000000000001", "0x10", "1_000", "1,000", "1,5", ".5", "5.", "1..5", "1.1.1", "NaN", "Inf", "-Inf", "infinity", "1/2", "1m m", "1mm",
	), "1", "2", "0", "-1", "1.5", "1e3", "1e30", "1e-7", "9223372036854775807", "9223372036854775808", "null", "true", "{}", "[]"),
	classDuration: append(quoted(
		"1h", "1h30m", "2160h", "90m", "1h0m1s", "8760h0m0s", "0s", "0h", "0h0m0s", "00h", "000000h000000m000000s", "1.5h", "-1h", "+1h", "", " ", "1", "h", "hm", "1d", "1w", "1y", "1H", "1h 30m", " 1h", "1h ", "1h\\n",
		"999999h999999m999999s", "9999999h", "9999999999h", strings.Repeat("9", 23)+"h", "2562047h47m16.854775807s", "2562048h", "1h1h", "30m1h", "1s1h", "１h", "٣h", "1ns", "1us", "1µs", "1μs", "1ms", "1e3h", "PT1H", "0x1h", "1_0h", ".5h", "1.h", strings.Repeat("1h", 500),
	), "3600", "3600000000000", "0", "-1", "null", "true", "{}", "[]"),
	classInteger: {"1", "2", "3", "5", "50", "1024", "8080", "0", "-0", "-1", "1.0", "1.5", "1e0", "1e3", "1e30", "1e400", "1E1", "32767", "65536", "2147483647", "2147483648", "-2147483649", "4294967297",
		"9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551617", "1000000000000000000000000000000", `"1"`, `""`, "null", "true", "{}", "[]"},
}

func quoted(texts ...string) []string {
	var out []string
	for _, s := range texts {
		out = append(out, `"`+s+`"`)
	}
	return out
}

// TestThreat33_ParsedFields writes every spelling into every field that is parsed,
// in the spec as people do and in the status as only break-glass administrators
// can. What the API server stores is read with the operator's own types, written
// again and read again. One object that the operator could not decode would stop
// its cache for the whole country.
//
// Without the rule of validUntil, "2099-01-01t00:00:00z", an empty list and others
// are stored and cannot be read; without the rule of conditions the same holds for
// lastTransitionTime. Numbers that do not fit their type are refused by their format.
func TestThreat33_ParsedFields(t *testing.T) {
	makeNamespace(t)
	for _, sample := range readSamples(t) {
		object := emptyObjects()[sample.GetKind()]
		created := sample.DeepCopy()
		for _, f := range fieldsOf(t, object) {
			if f.class == classText || f.class == classFlag || !lookup(sample.Object, f.path) {
				continue
			}
			t.Run(sample.GetKind()+"/"+sample.GetName()+"/"+f.path, func(t *testing.T) { tryField(t, created, f) })
		}
	}
}

func tryField(t *testing.T, sample *unstructured.Unstructured, f field) {
	stored := 0
	var unread []string
	inStatus := strings.HasPrefix(f.path, "status.")
	for i, raw := range spellings[f.class] {
		o := sample.DeepCopy()
		o.SetName(fmt.Sprintf("parsed-%d", i))
		switch {
		case inStatus:
			o.SetName("parsed")
			if status, body := request(t, http.MethodPost, urlOf(t, o.GetKind(), ""), mustJSON(t, o.Object)); status != http.StatusCreated && status != http.StatusConflict {
				t.Fatalf("create the sample: %d %s", status, body)
			}
			if status, _ := request(t, http.MethodPatch, urlOf(t, o.GetKind(), o.GetName())+"/status", withRaw(t, o, f.path, raw)); status != http.StatusOK {
				continue
			}
		default:
			if status, _ := request(t, http.MethodPost, urlOf(t, o.GetKind(), ""), withRaw(t, o, f.path, raw)); status != http.StatusCreated {
				continue
			}
		}
		stored++
		if problem := readsBack(t, o.GetKind(), o.GetName()); problem != "" {
			unread = append(unread, fmt.Sprintf("%.60s %s", raw, problem))
		}
		if !inStatus {
			remove(t, o)
		}
	}
	if inStatus {
		o := sample.DeepCopy()
		o.SetName("parsed")
		remove(t, o)
	}
	if len(unread) > 0 {
		t.Errorf("api/v1alpha1: %s of %s takes %d values that Go can't read, or not again, and one such object would keep the operator from reading all of them: bound it like a field of the class %s "+
			"whose values are all read, as %s. Among them:\n%s", f.path, sample.GetKind(), len(unread), f.class, bounded[f.class], strings.Join(unread[:min(len(unread), 5)], "\n"))
	}
	if stored == 0 {
		t.Errorf("test/schema/parsed_test.go: no spelling of %s of %s was stored: add a good one to spellings for the class %s, or mend the sample in samples_test.go if it is refused", f.path, sample.GetKind(), f.class)
	}
}

// bounded has for each class a field that takes only what is read again.
var bounded = map[string]string{
	classTime:     "spec.validUntil in datasharinglink_types.go",
	classQuantity: "spec.quota.cpu in agency_types.go",
	classDuration: "spec.dataSharing.maxValidity in securitypolicy_types.go",
	classInteger:  "spec.port in dataservice_types.go",
}

// readsBack reads a stored object as the operator does, writes it and reads it again. It
// returns what goes wrong; empty for nothing.
func readsBack(t *testing.T, kind, name string) string {
	t.Helper()
	first, second := emptyObjects()[kind], emptyObjects()[kind]
	key := client.ObjectKey{Name: name}
	if isNamespaced(t, kind) {
		key.Namespace = namespace
	}
	if err := env.Admin.Get(t.Context(), key, first); err != nil {
		return fmt.Sprintf("is stored and cannot be read: %v", err)
	}
	data, err := json.Marshal(first)
	if err != nil {
		return fmt.Sprintf("is stored and cannot be written again: %v", err)
	}
	if err := json.Unmarshal(data, second); err != nil {
		return fmt.Sprintf("is stored and cannot be read again after it was written: %v", err)
	}
	if again, err := json.Marshal(second); err != nil || !bytes.Equal(data, again) {
		return fmt.Sprintf("changes with every reading (%v)", err)
	}
	return ""
}

// TestParsedFieldsAreTold: a field of a parsed type without a bound is found by
// the walk, whatever the type.
func TestParsedFieldsAreTold(t *testing.T) {
	for _, kind := range emptyObjects() {
		for _, f := range fieldsOf(t, kind) {
			if f.class != classText && f.class != classFlag && len(spellings[f.class]) == 0 {
				t.Errorf("%T %s: class %s has no spellings", kind, f.path, f.class)
			}
		}
	}
}

// TestZeroDurations: a bound of zero is no bound and no term; both readings would
// surprise somebody, so it is refused.
func TestZeroDurations(t *testing.T) {
	for _, field := range []string{"spec.dataSharing.maxValidity", "spec.certificates.maxDuration"} {
		for _, raw := range quoted("0s", "0h0m0s", "000000h") {
			sample := sampleOf(t, "SecurityPolicy", "full")
			sample.SetName("zero")
			status, body := request(t, http.MethodPost, urlOf(t, "SecurityPolicy", "")+"?dryRun=All", withRaw(t, sample, field, raw))
			if status != http.StatusUnprocessableEntity || !strings.Contains(body, field) || !strings.Contains(body, "above 0") {
				t.Errorf("%s %s: %d %s", field, raw, status, body)
			}
		}
	}
}

func sampleOf(t *testing.T, kind, name string) *unstructured.Unstructured {
	t.Helper()
	all := readSamples(t)
	i := slices.IndexFunc(all, func(u *unstructured.Unstructured) bool { return u.GetKind() == kind && u.GetName() == name })
	if i < 0 {
		t.Fatalf("test/schema/samples_test.go: samples has no %s called %s: add one with every field of spec and status", kind, name)
	}
	return all[i]
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// request sends a body as it is, as a break-glass administrator.
func request(t *testing.T, method, path string, body []byte) (int, string) {
	t.Helper()
	cfg := env.ControlPlane.AdminConfig()
	c, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, c, cfg.Host, method, path, body, "application/json")
}

func send(t *testing.T, c *http.Client, host, method, path string, body []byte, accept string) (int, string) {
	t.Helper()
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	r, err := http.NewRequestWithContext(t.Context(), method, host+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	r.Header.Set("Accept", accept)
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

func remove(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	request(t, http.MethodPatch, urlOf(t, o.GetKind(), o.GetName()), []byte(`{"metadata":{"finalizers":null}}`))
	if status, body := request(t, http.MethodDelete, urlOf(t, o.GetKind(), o.GetName()), nil); status != http.StatusOK && status != http.StatusNotFound {
		t.Errorf("delete %s %s: %d %s", o.GetKind(), o.GetName(), status, body)
	}
}

// makeNamespace makes the samples' namespace, which stays.
func makeNamespace(t *testing.T) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, namespace)
	if status, answer := request(t, http.MethodPost, "/api/v1/namespaces", []byte(body)); status != http.StatusCreated && status != http.StatusConflict {
		t.Fatalf("create the namespace: %d %s", status, answer)
	}
}
