package view

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/kinds"
	"github.com/govplatform/govplatform/internal/settings"
)

// extra is of a kind that the API does not have (yet).
type extra struct{ v1alpha1.DataSharingApproval }

// TestEveryKindOfFilesIsKept: an object of each kind of the table is taken from a
// file as what it is, and one of a kind that is not known is refused.
// Fails with the switch whose default was an approval, and without one of its cases.
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
	if s := set.sharing; len(set.agencies) != 1 || len(set.policies) != 1 || len(set.portals) != 1 || len(s.platforms) != 1 || len(s.services) != 1 || len(s.links) != 1 || len(s.approvals) != 1 {
		t.Errorf("kept otherwise: %+v", set)
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
	for file, at := range map[string]string{alone: alone + ":2", inList: inList + ":1"} {
		want := at + `: kind: is "SecurtyPolicy"; use one of Agency, AgencyPortal, DataService, DataSharingApproval, DataSharingLink, SecurityPolicy, SharedPlatform`
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

// TestEveryKindIsShown: status has a table for each kind that has columns, with as
// many cells as columns, and what reach and audit rest on has every kind.
// Fails when a table is left out, and when a column is added to a row of internal/kinds alone.
func TestEveryKindIsShown(t *testing.T) {
	s := Summary{
		Agencies: []AgencyStatus{{}}, Portals: []PortalStatus{{}}, Policies: []PolicyStatus{{}}, Platforms: []PlatformStatus{{}}, Services: []ServiceStatus{{}}, Links: []LinkStatus{{}},
	}
	tables := s.Tables()
	for _, d := range kinds.All() {
		i := slices.IndexFunc(tables, func(t Table) bool { return slices.Equal(t.Header, d.Header) })
		switch {
		case i < 0 && d.Header != nil:
			t.Errorf("kubectl gov status has no table of %s", d.Plural)
		case i >= 0 && (len(tables[i].Rows) != 1 || len(tables[i].Rows[0]) != len(d.Header)):
			t.Errorf("%s: %d rows, of other columns than %v", d.Plural, len(tables[i].Rows), d.Header)
		}
	}
	var read []string
	for _, l := range (&State{}).objects() {
		read = append(read, l.kind)
	}
	for i, d := range kinds.All() {
		if i >= len(read) || read[i] != d.Plural || len(read) != len(kinds.All()) {
			t.Fatalf("what reach and audit rest on is %v; it must have every kind, in the order of the table", read)
		}
	}
}
