package agency

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
)

// served answers with one definition, made at a time and perhaps being deleted.
type served struct {
	client.Reader
	made  time.Time
	going bool
	err   error
}

func (s served) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if s.err != nil {
		return s.err
	}
	into.SetName(key.Name)
	into.SetCreationTimestamp(metav1.NewTime(s.made))
	if s.going {
		now := metav1.NewTime(s.made.Add(time.Hour))
		into.SetDeletionTimestamp(&now)
	}
	return nil
}

// TestDefinition: an empty list counts only while its definition is there, stays,
// and was there before the agency was asked to go. Fails without each of the cases
// of definition, and, for the same second, when only what is later counts as newer.
func TestDefinition(t *testing.T) {
	deleted := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	crds := schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	for name, tt := range map[string]struct {
		served served
		// lives is true for an agency that nobody has asked to go.
		lives bool
		want  string
	}{
		"before the deletion":     {served: served{made: deleted.Add(-time.Second)}},
		"of the same second":      {served: served{made: deleted}, want: "newer than the deletion"},
		"after the deletion":      {served: served{made: deleted.Add(time.Hour)}, want: "newer than the deletion"},
		"of an agency that lives": {served: served{made: deleted.Add(time.Hour)}, lives: true},
		"goes":                    {served: served{made: deleted.Add(-time.Hour), going: true}, want: "is being deleted, and its objects with it"},
		"gone":                    {served: served{err: apierrors.NewNotFound(crds, "")}, want: "can't be read (NotFound)"},
		"not to be read":          {served: served{err: apierrors.NewForbidden(crds, "", nil)}, want: "can't be read (Forbidden)"},
		"no answer":               {served: served{err: errors.New("connection refused")}, want: "can't be read (no answer)"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &v1alpha1.Agency{}
			if !tt.lives {
				a.DeletionTimestamp = &metav1.Time{Time: deleted}
			}
			got := (&Reconciler{Live: tt.served}).definition(t.Context(), "agencyportals", a)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) || got != "" && !strings.Contains(got, "agencyportals.platform.gov.vn") {
				t.Errorf("the definition is not relied on because %q, want %q", got, tt.want)
			}
		})
	}
}

// TestEarlierVetoes: what an agency stopped as the authority that it was is counted
// by its side, where it has none yet by the record of its link, and where it can't be
// decoded as a suspension.
// Fails when the present authority alone is asked for.
func TestEarlierVetoes(t *testing.T) {
	decision := func(name, side string, spec map[string]any) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "agency-former", "name": name, "uid": "uid-" + name}, "spec": spec}}
		u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("DataSharingApproval"))
		if side != "" {
			u.Object["status"] = map[string]any{"side": side}
		}
		return u
	}
	spec := func(d any) map[string]any {
		return map[string]any{"linkRef": map[string]any{"namespace": "agency-asks", "name": "l"}, "decision": d}
	}
	link := &v1alpha1.DataSharingLink{ObjectMeta: metav1.ObjectMeta{Namespace: "agency-asks", Name: "l"}}
	link.Status.Decisions = []v1alpha1.LinkDecision{{Side: v1alpha1.SideAuthority, Decision: "Suspend", Namespace: "agency-former", UID: "uid-recorded"}}
	for name, tt := range map[string]struct {
		decision *unstructured.Unstructured
		fails    error
		want     int32
		unknown  bool
	}{
		"suspends":                {decision: decision("a", "Authority", spec("Suspend")), want: 1},
		"rejects":                 {decision: decision("a", "Authority", spec("Reject")), want: 1},
		"was lifted":              {decision: decision("a", "Authority", spec("Approve"))},
		"the provider's":          {decision: decision("a", "Provider", spec("Suspend"))},
		"nobody's":                {decision: decision("a", "", spec("Suspend"))},
		"on the record of a link": {decision: decision("recorded", "", spec("Suspend")), want: 1},
		"not to be decoded":       {decision: decision("a", "Authority", spec([]any{})), want: 1},
		"no answer about a link":  {decision: decision("recorded", "", spec("Suspend")), fails: errors.New("no answer"), unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			n, why := (&Reconciler{Live: decided{decision: tt.decision, link: link, err: tt.fails}}).earlierVetoes(t.Context(), &v1alpha1.Agency{ObjectMeta: metav1.ObjectMeta{Name: "former"}})
			if n != tt.want || (why != "") != tt.unknown {
				t.Errorf("%d, %q", n, why)
			}
		})
	}
}

// decided answers with one decision and one link.
type decided struct {
	client.Reader
	decision *unstructured.Unstructured
	link     *v1alpha1.DataSharingLink
	err      error
}

func (d decided) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*unstructured.UnstructuredList).Items = []unstructured.Unstructured{*d.decision}
	return nil
}

func (d decided) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	*into.(*v1alpha1.DataSharingLink) = *d.link
	return d.err
}

// TestContents: every kind that stands in agencies' namespaces keeps an agency, and
// is counted in a field of its own. Fails with one of contents taken out, by which
// an agency went with all objects of that kind.
func TestContents(t *testing.T) {
	have := map[string]bool{}
	fields := map[*int32]string{}
	var counted v1alpha1.AgencyContents
	for _, c := range contents {
		if other := fields[c.count(&counted)]; other != "" {
			t.Errorf("%s are counted in the field of %s", c.Plural, other)
		}
		have[c.Kind], fields[c.count(&counted)] = true, c.Plural
	}
	for _, d := range kinds.Namespaced() {
		if !have[d.Kind] {
			t.Errorf("controllers/agency/departure.go: an agency goes with all its %s: add a field to AgencyContents of api/v1alpha1/agency_types.go, and a row to contents", d.Plural)
		}
	}
	if children := 1; len(fields)+children != reflect.TypeOf(counted).NumField() || len(fields) != len(kinds.Namespaced()) {
		t.Errorf("%d kinds are counted, of %d; AgencyContents has %d fields, one of them for child agencies", len(fields), len(kinds.Namespaced()), reflect.TypeOf(counted).NumField())
	}
}
