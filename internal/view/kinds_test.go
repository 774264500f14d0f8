package view

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/settings"
)

// extra is of a kind that the API does not have (yet).
type extra struct{ v1alpha1.DataSharingApproval }

// TestEveryKindOfFilesIsKept: an object of each kind of the table is taken from a
// file as what it is, and one of a kind that is not known is refused.
// Fails with the switch whose default was an approval, without one of its cases, with an
// empty one, and without the services in country.
func TestEveryKindOfFilesIsKept(t *testing.T) {
	set := &localSet{sources: map[string]string{}}
	of := func(kind string) document {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		o.SetName("x")
		return document{source: "a.yaml:1", object: o}
	}
	for _, d := range kinds.All() {
		if err := set.add(of(d.Kind), d.New()); err != nil {
			t.Errorf("%s is not kept, add a case to add in internal/view/render.go: %v", d.Kind, err)
		}
	}
	country, err := set.country(t.Context(), RenderInput{Settings: settings.Default()})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range country.objects() {
		if n := meta.LenList(l.list); n != 1 {
			t.Errorf("%d of one %s of a file are looked at: keep it in add of internal/view/render.go, and take it over in country of internal/view/render_sharing.go", n, l.kind)
		}
	}
	if err := set.add(of("Extra"), &extra{}); err == nil || len(set.sharing.approvals) != 1 {
		t.Errorf("an object of an unknown kind is kept: %v, %d approvals", err, len(set.sharing.approvals))
	}
}

// TestUnknownKindsOfFiles: a kind that the platform does not have is one error with
// file, kind and remedy, also inside of a list and for a command that reads standards
// only. What is of another group is left out and named.
// Fails for impact when it passes over what is no SecurityPolicy, or over the notes, and
// for lists when their items are not looked at.
func TestUnknownKindsOfFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const unknown = "{apiVersion: platform.gov.vn/v1alpha1, kind: SecurtyPolicy, metadata: {name: x}}"
	alone, inList := write("alone.yaml", "# a comment\n"+unknown), write("list.yaml", "{apiVersion: v1, kind: List, items: ["+unknown+"]}")
	_, refusal := kinds.Of("SecurtyPolicy")
	if known := refusal.Error(); !strings.HasPrefix(known, `kind: is "SecurtyPolicy"; use one of Agency, AgencyPortal, `) {
		t.Errorf("the refusal says %q", known)
	}
	for file, at := range map[string]string{alone: alone + ":2", inList: inList + ":1"} {
		want := at + ": " + refusal.Error()
		r, err := Render(t.Context(), nil, RenderInput{Paths: []string{file}, Settings: settings.Default()})
		if err != nil || !slices.Equal(r.Refusals, []string{want}) {
			t.Errorf("render: %v, %q, want %q", err, r.Refusals, want)
		}
		if _, _, err := ReadPolicies(t.Context(), nil, []string{file}); err == nil || err.Error() != want {
			t.Errorf("impact: %v, want %s", err, want)
		}
	}
	others := write("others.yaml", "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: s}}]}")
	if docs, skipped, err := load(nil, []string{others}); err != nil || len(docs) != 0 || !slices.Equal(skipped, []string{others + ":1: Secret s: left out, it is not of platform.gov.vn"}) {
		t.Errorf("an object of another group in a list: %v, %v, %v", docs, skipped, err)
	}
	mistyped := write("mistyped.yaml", "{apiVersion: plattform.gov.vn/v1alpha1, kind: SecurityPolicy, metadata: {name: p}}")
	if _, skipped, err := ReadPolicies(t.Context(), nil, []string{mistyped}); err == nil || !slices.Equal(skipped, []string{mistyped + ":1: SecurityPolicy p: left out, it is not of platform.gov.vn"}) {
		t.Errorf("impact of a standard of another group: %v, %q", err, skipped)
	}
	nothing := write("nothing.yaml", "{apiVersion: v1, kind: List, items: [{metadata: {name: s}}]}")
	if _, _, err := load(nil, []string{nothing}); err == nil || !strings.Contains(err.Error(), "apiVersion or kind is missing") {
		t.Errorf("an item of a list without a kind: %v", err)
	}
}

// every answers each list of the platform's kinds with one object.
type every struct{ client.Reader }

func (every) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	d, ok := kinds.For(into)
	if !ok {
		return errors.New("not listed")
	}
	o := d.New()
	o.SetName("x")
	return meta.SetList(into, []runtime.Object{o})
}

// TestEveryKindIsShown: status reads each kind that has columns and shows it in a table
// with as many cells as columns, and what reach and audit rest on has every kind.
// Fails when a kind is not read, or not filled in, when a table is left out, and when a
// column is added to a row of internal/kinds alone.
func TestEveryKindIsShown(t *testing.T) {
	s, err := ReadSummary(t.Context(), every{}, "")
	if err != nil {
		t.Fatal(err)
	}
	tables := s.Tables()
	for _, d := range kinds.All() {
		i := slices.IndexFunc(tables, func(t Table) bool { return slices.Equal(t.Header, d.Header) })
		switch {
		case i < 0 && d.Header != nil:
			t.Errorf("kubectl gov status has no table of %s: add one to internal/view/status_tables.go, with a row type in status.go", d.Plural)
		case i >= 0 && len(tables[i].Rows) != 1:
			t.Errorf("kubectl gov status shows %d of one object of %s: read them in ReadSummary of internal/view/status_read.go, and fill them in in status.go", len(tables[i].Rows), d.Plural)
		case i >= 0 && len(tables[i].Rows[0]) != len(d.Header):
			t.Errorf("internal/view/status_tables.go: %s have %d cells for the columns %v of internal/kinds/rows.go", d.Plural, len(tables[i].Rows[0]), d.Header)
		}
	}
	var read, want []string
	for _, l := range (&State{}).objects() {
		read = append(read, l.kind)
	}
	for _, d := range kinds.All() {
		want = append(want, d.Plural)
	}
	if !slices.Equal(read, want) {
		t.Errorf("internal/view/state.go: what reach and audit rest on is %v, want every kind in the order of the table, %v: add a field to State, and its list to objects", read, want)
	}
}

// TestEveryChildIsRanked: what render prints can be applied in its order, so each kind that
// the operator emits has its place in it.
// Fails with one of them taken out of rank.
func TestEveryChildIsRanked(t *testing.T) {
	nowhere := rank("a kind that nobody emits")
	for _, row := range child.Rows() {
		if rank(row.GVK.Kind) == nowhere {
			t.Errorf("internal/view/render.go: rank has no %s: add it after what it needs", row.GVK.Kind)
		}
	}
}
