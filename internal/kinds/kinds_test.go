package kinds

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
)

var repo = os.DirFS("../..")

func scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, v1alpha1.AddToScheme(s)
}

// TestEveryPlaceHasEveryKind holds the table against everything that a kind needs.
// Each failure is one sentence that says what is missing, where, and what to do.
// Fails with the PROJECT that it found, which had three of seven kinds.
func TestEveryPlaceHasEveryKind(t *testing.T) {
	all, err := disagreements(repo, All())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range all {
		t.Error(problem)
	}
}

// TestForgottenKindsAreNamed takes each row out, and puts one in: every place has
// to say so.
// Fails when disagreements looks in one direction only, and for a place that reads
// nothing.
func TestForgottenKindsAreNamed(t *testing.T) {
	missing, err := disagreements(repo, All())
	if err != nil {
		t.Fatal(err)
	}
	if len(missing) > 0 {
		t.Fatalf("%d places lack something, or have it without a row; mend first what TestEveryPlaceHasEveryKind names", len(missing))
	}
	expect := func(rows []Descriptor, d Descriptor) {
		t.Helper()
		found, err := disagreements(repo, rows)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(found, "\n")
		for _, p := range places {
			if (p.of == nil || p.of(d)) && !strings.Contains(said, p.name+": "+p.called(d)+" is missing") &&
				!strings.Contains(said, p.name+": internal/kinds/rows.go has no row for "+p.called(d)+",") {
				t.Errorf("%s does not say that it differs in %s", p.name, d.Kind)
			}
		}
	}
	for i, d := range All() {
		expect(slices.Delete(All(), i, i+1), d)
	}
	for _, more := range []Descriptor{{Kind: "Extra", Plural: "extras"}, {Kind: "Extra", Plural: "extras", Namespaced: true}} {
		expect(append(All(), more), more)
	}
}

// TestRows holds the rows against the scheme, the definitions and the pages.
func TestRows(t *testing.T) {
	s, err := scheme()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		for o, want := range map[runtime.Object]string{d.New(): d.GVK().String(), d.NewList(): d.ListGVK().String()} {
			gvks, _, err := s.ObjectKinds(o)
			if err != nil || len(gvks) != 1 || gvks[0].String() != want {
				t.Errorf("%s: %T is of %v (%v), want %s", d.Kind, o, gvks, err, want)
			}
			if of, ok := For(o); !ok || of.Kind != d.Kind {
				t.Errorf("%s: %T is said to be of %q", d.Kind, o, of.Kind)
			}
		}
		if of, err := Of(d.Kind); err != nil || of.Plural != d.Plural {
			t.Errorf("%s: %v %v", d.Kind, of.Plural, err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := parse(repo, "config/crd/bases/platform.gov.vn_"+d.Plural+".yaml", &crd); err != nil {
			t.Errorf("run make manifests: %v", err)
			continue
		}
		if n := crd.Spec.Names; n.Kind != d.Kind || n.Plural != d.Plural || n.ListKind != d.ListGVK().Kind || n.Singular != d.File() {
			t.Errorf("%s: the definition has other names: %+v", d.Kind, n)
		}
		if is := crd.Spec.Scope == apiextensionsv1.NamespaceScoped; is != d.Namespaced {
			t.Errorf("%s: the definition's scope is %s", d.Kind, crd.Spec.Scope)
		}
		for _, column := range []string{"Ready", "Reason", "Age"} {
			if !slices.ContainsFunc(crd.Spec.Versions[0].AdditionalPrinterColumns, func(c apiextensionsv1.CustomResourceColumnDefinition) bool { return c.Name == column }) {
				t.Errorf("%s: kubectl get prints no column %s: add a marker to its type", d.Kind, column)
			}
		}
		if n := len(d.Header); n > 0 && !slices.Equal(d.Header[n-3:], []string{"READY", "REASON", "MESSAGE"}) {
			t.Errorf("%s: the columns for people end with %v", d.Kind, d.Header)
		}
	}
	inProject, err := projects(repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range inProject {
		if d, err := Of(p.Kind); err != nil || d.Namespaced != p.API.Namespaced || !p.Controller {
			t.Errorf("PROJECT: %+v", p)
		}
	}
	if _, err := Of("Secret"); err == nil || !strings.Contains(err.Error(), `"Secret"; use one of Agency, AgencyPortal, `) {
		t.Errorf("a kind of somebody else has a row: %v", err)
	}
	if _, ok := For(&runtime.Unknown{}); ok {
		t.Error("an object of somebody else has a row")
	}
}

// TestConditions: each condition type of the API belongs to a kind, once, and the
// kind's page has its conditions in their order. Fails without RightsConfirmed in
// the row of agencies, and with two conditions of portals in another order.
func TestConditions(t *testing.T) {
	known := constants(t, "../../api/v1alpha1/condition_types.go", "Condition")
	of := map[string]bool{v1alpha1.ConditionReady: true, v1alpha1.ConditionReconciling: true, v1alpha1.ConditionStalled: true}
	for _, d := range descriptors {
		page, err := fs.ReadFile(repo, "docs/spec/v1alpha1/"+d.File()+".md")
		if err != nil {
			t.Errorf("write its page, with its conditions: %v", err)
			continue
		}
		own := map[string]bool{}
		for _, c := range slices.Concat(d.Ready, d.Beside) {
			if own[c] || !slices.Contains(known, c) {
				t.Errorf("%s: condition %s stands twice, or is none of the API's", d.Kind, c)
			}
			own[c], of[c] = true, true
		}
		if len(d.Ready) == 0 {
			t.Errorf("%s: Ready rests on nothing", d.Kind)
		}
		for _, conditions := range [][]string{d.Ready, d.Beside} {
			if quoted := "`" + strings.Join(conditions, "`, `") + "`"; len(conditions) > 0 && !strings.Contains(string(page), quoted) {
				t.Errorf("docs/spec/v1alpha1/%s.md: the conditions do not stand there in this order: %s", d.File(), quoted)
			}
		}
	}
	for _, c := range known {
		if !of[c] {
			t.Errorf("condition %s of the API belongs to no row of internal/kinds/rows.go", c)
		}
	}
}

// TestOrder: Before and Namespaced are the table in its order, and who asks for it can't
// change it.
// Fails when Before has the kind itself, and when Namespaced has those that are not.
func TestOrder(t *testing.T) {
	namespaced := Namespaced()
	for i, d := range descriptors {
		before := Before(d)
		if len(before) != i {
			t.Errorf("%d kinds come before %s, want %d", len(before), d.Kind, i)
		}
		for j, other := range descriptors {
			if Listed(other.NewList(), before) != (j < i) {
				t.Errorf("%s comes before %s, or after it, against the table", other.Kind, d.Kind)
			}
		}
		if Listed(d.NewList(), namespaced) != d.Namespaced {
			t.Errorf("%s is among the kinds of namespaces, or is not, against its row", d.Kind)
		}
	}
	if descriptors[0].Kind != v1alpha1.KindAgency {
		t.Errorf("%s comes before agencies, on which everything rests", descriptors[0].Kind)
	}
	rows := All()
	rows[0].Kind = "changed"
	if descriptors[0].Kind != v1alpha1.KindAgency {
		t.Error("who asks for the table can change it")
	}
}

// TestOwners: what emits children is a kind of the API, or the settings.
func TestOwners(t *testing.T) {
	for _, r := range child.Rows() {
		for _, owner := range r.Owners {
			if _, err := Of(owner); err != nil && owner != child.Settings {
				t.Errorf("%s is emitted by %s: %v", r.GVK.Kind, owner, err)
			}
		}
	}
}

// constants returns the texts of the constants of a file whose names have a prefix.
func constants(t *testing.T, name, prefix string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, prefix) || len(v.Values) == 0 {
			return true
		}
		if text, ok := v.Values[0].(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(text.Value); err == nil {
				out = append(out, s)
			}
		}
		return true
	})
	if len(out) < 20 {
		t.Fatalf("%d constants %s… in %s", len(out), prefix, name)
	}
	return out
}
