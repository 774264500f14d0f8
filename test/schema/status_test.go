package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds/link"
	portalkind "github.com/govplatform/govplatform/internal/kinds/portal"
	"github.com/govplatform/govplatform/internal/settings"
	"github.com/govplatform/govplatform/test/harness"
)

// edges are values at the bounds of parsed fields, in every zone that shifts them.
func edges(t *testing.T, kind string, f field) []string {
	t.Helper()
	var out []string
	switch f.class {
	case classTime:
		for _, day := range []string{"1999-12-31T", "2000-01-01T", "2000-01-02T", "2199-12-31T", "2200-01-01T"} {
			for _, clock := range []string{"00:00:00", "00:00:00.5", "10:00:00", "23:59:59"} {
				for _, zone := range []string{"Z", "-14:00", "+14:00"} {
					out = append(out, `"`+day+clock+zone+`"`)
				}
			}
		}
	case classInteger:
		s := schemaAt(t, kind, f.path)
		for _, bound := range []*float64{s.Minimum, s.Maximum} {
			if bound != nil {
				out = append(out, fmt.Sprintf("%.0f", *bound))
			}
		}
		out = append(out, "2147483647", "9223372036854775807", "-9223372036854775808")
	case classQuantity, classDuration:
		out = append(out, spellings[f.class]...)
		// Written again, these have another unit or more digits.
		out = append(out, quoted("1000T", "1024Ti", "1024Pi", "0.000001m", "1.000001m", "999999h999999m", "999999h3600s", "999998h59m59s", "999999h0m0s")...)
	}
	return out
}

// TestThreat33_StatusOfWhatIsAdmitted writes values at every bound into each time,
// number, amount and duration of a spec, and then the status that the operator makes of what was
// admitted. What can be asked for can be recorded: no object is acted on whose
// status can never be stored. Texts and lists at their bounds are in
// TestThreat34_LargestObjects.
//
// Without the instants in the rule of validUntil, 2199-12-31T23:59:59-14:00 is
// admitted and the link has no scope.
func TestThreat33_StatusOfWhatIsAdmitted(t *testing.T) {
	makeNamespace(t)
	tried := 0
	for _, sample := range readSamples(t) {
		follows := followed(t, sample)
		for _, name := range specCopies(t, sample.GetKind()) {
			if _, ok := follows[name]; !ok {
				t.Errorf("test/schema/status_test.go: status.%s of %s copies the spec, and followed does not say so: add it there", name, sample.GetKind())
			}
		}
		if len(follows) == 0 {
			continue
		}
		for _, f := range fieldsOf(t, emptyObjects()[sample.GetKind()]) {
			if !slices.Contains([]string{classTime, classInteger, classQuantity, classDuration}, f.class) || !strings.HasPrefix(f.path, "spec.") || !lookup(sample.Object, f.path) {
				continue
			}
			t.Run(sample.GetKind()+"/"+sample.GetName()+"/"+f.path, func(t *testing.T) {
				for _, raw := range edges(t, sample.GetKind(), f) {
					if recordIt(t, sample, f.path, raw) {
						tried++
					}
				}
			})
		}
	}
	if tried < 20 {
		t.Errorf("only %d admitted values were tried", tried)
	}
}

// recordIt stores a spec with a value and the status that follows; false if the
// spec is not admitted.
func recordIt(t *testing.T, sample *unstructured.Unstructured, path, raw string) bool {
	t.Helper()
	o := sample.DeepCopy()
	delete(o.Object, "status")
	o.SetName("follows")
	status, body := request(t, http.MethodPost, urlOf(t, o.GetKind(), ""), withRaw(t, o, path, raw))
	if status != http.StatusCreated {
		return false
	}
	defer remove(t, o)
	// As the operator reads and writes it.
	typed, stored := emptyObjects()[o.GetKind()], &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(body), typed); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(mustJSON(t, typed)))
	d.UseNumber()
	if err := d.Decode(&stored.Object); err != nil {
		t.Fatal(err)
	}
	for name, part := range followed(t, stored) {
		patch := mustJSON(t, map[string]any{"status": map[string]any{name: part}})
		if code, answer := request(t, http.MethodPatch, urlOf(t, o.GetKind(), o.GetName())+"/status", patch); code != http.StatusOK {
			t.Errorf("%s = %.60s is admitted, and status.%s of it is refused: %d %.300s", path, raw, name, code, answer)
		}
	}
	return true
}

// followed returns the parts of a status that the operator copies or computes from
// a spec.
func followed(t *testing.T, o *unstructured.Unstructured) map[string]any {
	t.Helper()
	spec := o.Object["spec"]
	switch o.GetKind() {
	case "AgencyPortal":
		return map[string]any{"lastCompliant": spec}
	case "SecurityPolicy":
		accepted, _, _ := unstructured.NestedMap(o.Object, "spec", "acceptedImpact")
		return map[string]any{"inForce": spec, "usedAcceptance": accepted}
	case "DataSharingLink":
		l := &v1alpha1.DataSharingLink{}
		if err := json.Unmarshal(mustJSON(t, o.Object), l); err != nil {
			t.Fatal(err)
		}
		out := link.Decide(resolved(l))
		if out.Scope == nil && l.Spec.ValidUntil.After(time.Now()) {
			t.Errorf("validUntil %s is admitted and the link has no scope: %v", l.Spec.ValidUntil.UTC(), out.References)
		}
		if out.Scope == nil {
			return map[string]any{"scope": nil}
		}
		return map[string]any{"scope": out.Scope}
	}
	return nil
}

// resolved is a link both of whose ends exist and comply.
func resolved(l *v1alpha1.DataSharingLink) link.Input {
	portal := func(agency, name string) portalkind.End {
		p := harness.Portal(agency, name)
		p.Spec.Port = 8080
		p.UID = "11111111-1111-1111-1111-111111111111"
		meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionPolicyCompliant, Status: metav1.ConditionTrue, Reason: "Test"})
		return portalkind.End{Portal: p, Agency: &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: agency}}}
	}
	s := harness.Service(string(l.Spec.Provider.Agency), string(l.Spec.Provider.Service), "serves", func(s *v1alpha1.DataService) {
		s.UID, s.Spec.Operations = "22222222-2222-2222-2222-222222222222", nil
		for _, name := range slices.Compact(slices.Sorted(slices.Values(l.Spec.Operations))) {
			s.Spec.Operations = append(s.Spec.Operations, v1alpha1.Operation{Name: name, Method: "GET", Path: "/v1"})
		}
	})
	meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionDatasetOwned, Status: metav1.ConditionTrue, Reason: "Test"})
	l.Spec.Route = v1alpha1.RoutePlatform // which needs no standard
	return link.Input{Settings: settings.Default(), Now: time.Now(), Link: l, Service: s,
		Consumer: portal("schema", string(l.Spec.Consumer.PortalRef.Name)), Provider: portal(string(l.Spec.Provider.Agency), "serves"), Via: portal("mic", "ndxp")}
}
