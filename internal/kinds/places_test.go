package kinds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/api/v1alpha1"
	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/names"
)

// place is a file or folder of the repository that has something of every kind.
type place struct {
	// name of the place, and what to do where it lacks a kind.
	name, remedy string
	// called is what the place calls a kind.
	called func(Descriptor) string
	// of says which kinds it has; nil for all.
	of func(Descriptor) bool
	// has returns what the place has, by what it calls them.
	has func(fs.FS) ([]string, error)
}

func kind(d Descriptor) string       { return d.Kind }
func plural(d Descriptor) string     { return d.Plural }
func definition(d Descriptor) string { return d.Plural + "." + v1alpha1.GroupVersion.Group }
func ofAgencies(d Descriptor) bool   { return d.Namespaced }
func ofCluster(d Descriptor) bool    { return !d.Namespaced }
func emits(d Descriptor) bool        { return len(child.EmittedBy(d.Kind)) > 0 }

var places = []place{
	{name: "api/v1alpha1/*_types.go", remedy: "write the types", called: Descriptor.File, has: matches("api/v1alpha1/*_types.go", "_types.go", "condition", "shared")},
	{name: "AddToScheme of api/v1alpha1", remedy: "add the types there", called: kind, has: registered},
	{name: "config/crd/bases", remedy: "run make manifests", called: plural, has: matches("config/crd/bases/platform.gov.vn_*.yaml", ".yaml")},
	{name: "config/crd/kustomization.yaml", remedy: "add the file of config/crd/bases", called: plural, has: installed},
	{name: "charts/govplatform/Chart.yaml", remedy: "add it to artifacthub.io/crds", called: definition, has: advertised},
	{name: "charts/govplatform/README.md", remedy: "name it among the kinds", called: kind, has: mentioned},
	{name: "PROJECT", remedy: "add a resource", called: kind, has: scaffolded},
	{name: "controllers", remedy: "make its folder", called: Descriptor.File, has: folders("controllers", "watches")},
	{name: "internal/kinds", remedy: "make its room; one that is called otherwise is named by Short in the row", called: Descriptor.Room, has: folders("internal/kinds", "index", "kindtest")},
	{name: "controllers/setup.go", remedy: "give its Reconciler to setUp in SetupAll", called: kind, has: found("controllers/setup.go", `(?m)^\s*v1alpha1\.Kind(\w+):\s+&\w+\.Reconciler\{`)},
	{name: "takesAway in controllers/watches/closes.go", remedy: "add a case that says which of its changes take something away, false for none", called: kind, has: found("controllers/watches/closes.go", `(?:case|,)\s*\*v1alpha1\.(\w+)`)},
	{name: "depguard in .golangci.yml", remedy: "add a block for **/internal/kinds/ROOM/** that denies the rooms that rest on it", called: Descriptor.Room, has: found(".golangci.yml", `"\*\*/internal/kinds/(\w+)/\*\*"`)},
	{name: "docs/spec/v1alpha1", remedy: "write its page", called: Descriptor.File, has: matches("docs/spec/v1alpha1/*.md", ".md", "README")},
	{name: "docs/spec/v1alpha1/README.md", remedy: "add a line to the table", called: Descriptor.File, has: listedPages},
	{name: "The kinds of README.md", remedy: "add a line to the table, with a link to its page", called: Descriptor.File, has: found("README.md", `(?m)^\| \[\w+\]\(docs/spec/v1alpha1/(\w+)\.md\)`)},
	{name: "docs/README.md", remedy: "link its page for those who write or read it", called: Descriptor.File, has: found("docs/README.md", `\]\(spec/v1alpha1/([a-z]+)\.md\)`)},
	{name: "docs/glossary.md", remedy: "add the Vietnamese term, with \"the kind …\" in its English, and say it on the page of the kind", called: kind, has: found("docs/glossary.md", `(?m)^\| .* the kind (\w+)`)},
	{name: "where Events stand, in docs/observability.md", remedy: "name it among those whose Events stand in the namespace default", called: kind, of: ofCluster, has: foundAll("docs/observability.md", `Those about (.*) stand in the namespace`, `\b[A-Z]\w+`)},
	{name: "test/process/unreadable_test.go", remedy: "spoil one that others rest on, and say what closes, what stays and what waits until it can be read again", called: plural, has: found("test/process/unreadable_test.go", `spoil\(t, "(\w+)"`)},
	{name: "samples in test/schema/samples_test.go", remedy: "add one that is called full and has every field of spec and status", called: kind, has: found("test/schema/samples_test.go", `(?m)^kind: (\w+)\nmetadata: \{name: full\}`)},
	{name: "concerned in internal/unreadable/client.go", remedy: "say which lists one that can't be read makes fail; until then all do", called: kind, has: found("internal/unreadable/client.go", `(?m)^\tv1alpha1\.Kind(\w+): `)},
	{name: "config/samples/national", remedy: "add an object, in a file that its kustomization.yaml names, or for decisions a line to decisions.yaml", called: kind, has: sampled},
	{name: "config/samples/errors", remedy: "add a mistake, with its answer", called: kind, has: mistaken},
	{name: "what config/rbac/role.yaml reads", remedy: "add a marker to its controller and run make manifests", called: plural, has: ruled("list", "role")},
	{name: "what config/rbac/role.yaml writes the status of", remedy: "add a marker to its controller and run make manifests", called: plural, has: statuses},
	{name: "the definitions that config/rbac/role.yaml names", remedy: "add it to the marker in controllers/definitions.go and run make manifests", called: definition, has: watched},
	{name: "config/rbac/agency_admin_role.yaml", remedy: "let an agency's administrators write it", called: plural, of: ofAgencies, has: ruled("create", "agency_admin_role")},
	{name: "config/rbac/agency_viewer_role.yaml", remedy: "let an agency's people read it", called: plural, of: ofAgencies, has: ruled("list", "agency_viewer_role")},
	{name: "config/rbac/authority_role.yaml and platform_team_role.yaml", remedy: "let one of the two write it", called: plural, of: ofCluster, has: ruled("create", "authority_role", "platform_team_role")},
	{name: "config/rbac/authority_role.yaml", remedy: "let the authority read it", called: plural, has: ruled("list", "authority_role")},
	{name: "config/rbac/platform_team_role.yaml", remedy: "let the platform team read it", called: plural, has: ruled("list", "platform_team_role")},
	{name: "config/rbac/catalogue_viewer_role.yaml", remedy: "let everybody read it", called: plural, of: ofCluster, has: ruled("list", "catalogue_viewer_role")},
	{name: "config/rbac/object_remover_role.yaml", remedy: "let the remover delete it", called: plural, of: ofAgencies, has: ruled("delete", "object_remover_role")},
	{name: "config/admission/object-removal.yaml", remedy: "hold the remover to what is being deleted", called: plural, of: ofAgencies, has: removable},
	{name: "config/manager/quota.yaml", remedy: "count it, so that a quota of agencies may", called: definition, of: ofAgencies, has: counted},
	{name: "the golden files internal/kinds/*/testdata/golden", remedy: "add a case of what it emits", called: kind, of: emits, has: owners},
}

// disagreements compares rows with every place, in both directions: one sentence
// each, which says what to do.
func disagreements(repo fs.FS, rows []Descriptor) ([]string, error) {
	var out []string
	for _, p := range places {
		found, err := p.has(repo)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		var wanted []string
		for _, d := range rows {
			if p.of == nil || p.of(d) {
				wanted = append(wanted, p.called(d))
			}
		}
		for _, w := range wanted {
			if !slices.Contains(found, w) {
				out = append(out, fmt.Sprintf("%s: %s is missing, which has a row in internal/kinds/rows.go: %s", p.name, w, p.remedy))
			}
		}
		slices.Sort(found)
		for _, f := range slices.Compact(found) {
			if !slices.Contains(wanted, f) {
				out = append(out, fmt.Sprintf("%s: internal/kinds/rows.go has no row for %s, which is there: add one, or take it out", p.name, f))
			}
		}
	}
	return out, nil
}

// matches returns the names of files without a suffix and without what stands
// before the first "_" of manifests.
func matches(pattern, suffix string, others ...string) func(fs.FS) ([]string, error) {
	return func(repo fs.FS) ([]string, error) {
		files, err := fs.Glob(repo, pattern)
		var out []string
		for _, f := range files {
			name := strings.TrimPrefix(strings.TrimSuffix(path.Base(f), suffix), v1alpha1.GroupVersion.Group+"_")
			if !slices.Contains(others, name) {
				out = append(out, name)
			}
		}
		return out, err
	}
}

func folders(in string, others ...string) func(fs.FS) ([]string, error) {
	return func(repo fs.FS) ([]string, error) {
		entries, err := fs.ReadDir(repo, in)
		var out []string
		for _, e := range entries {
			if e.IsDir() && !slices.Contains(others, e.Name()) {
				out = append(out, e.Name())
			}
		}
		return out, err
	}
}

func registered(fs.FS) ([]string, error) {
	s, err := scheme()
	if err != nil {
		return nil, err
	}
	var out []string
	for k := range s.KnownTypes(v1alpha1.GroupVersion) {
		if s.Recognizes(v1alpha1.GroupVersion.WithKind(k + "List")) {
			out = append(out, k)
		}
	}
	return out, nil
}

// found returns what an expression finds in a file.
func found(name, expression string) func(fs.FS) ([]string, error) {
	return func(repo fs.FS) ([]string, error) {
		data, err := fs.ReadFile(repo, name)
		var out []string
		for _, m := range regexp.MustCompile(expression).FindAllSubmatch(data, -1) {
			out = append(out, string(m[1]))
		}
		return out, err
	}
}

// foundAll returns all that an expression finds in what another one finds in a file.
func foundAll(name, in, expression string) func(fs.FS) ([]string, error) {
	return func(repo fs.FS) ([]string, error) {
		parts, err := found(name, in)(repo)
		var out []string
		for _, part := range parts {
			out = append(out, regexp.MustCompile(expression).FindAllString(part, -1)...)
		}
		return out, err
	}
}

// parse reads a file of one document.
func parse(repo fs.FS, name string, into any) error {
	data, err := fs.ReadFile(repo, name)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, into)
}

func installed(repo fs.FS) ([]string, error) {
	var k struct{ Resources []string }
	err := parse(repo, "config/crd/kustomization.yaml", &k)
	var out []string
	for _, r := range k.Resources {
		if name, ok := strings.CutPrefix(r, "bases/"+v1alpha1.GroupVersion.Group+"_"); ok {
			out = append(out, strings.TrimSuffix(name, ".yaml"))
		}
	}
	return out, err
}

// advertised are the definitions of which the chart tells a catalogue of charts.
func advertised(repo fs.FS) ([]string, error) {
	var chart struct{ Annotations map[string]string }
	if err := parse(repo, "charts/govplatform/Chart.yaml", &chart); err != nil {
		return nil, err
	}
	var crds []struct{ Name string }
	err := yaml.Unmarshal([]byte(chart.Annotations["artifacthub.io/crds"]), &crds)
	var out []string
	for _, c := range crds {
		out = append(out, c.Name)
	}
	return out, err
}

// mentioned are the words of the README's chapter on kinds that name one.
func mentioned(repo fs.FS) ([]string, error) {
	data, err := fs.ReadFile(repo, "charts/govplatform/README.md")
	_, chapter, _ := strings.Cut(string(data), "## Kinds\n")
	_, list, _ := strings.Cut(chapter, "kinds: ")
	list, _, _ = strings.Cut(list, ".")
	return strings.FieldsFunc(strings.ReplaceAll(list, " and", ","), func(r rune) bool { return strings.ContainsRune(", \n", r) }), err
}

// project is what the file PROJECT says of a kind.
type project struct {
	API struct {
		Namespaced bool
	}
	Controller bool
	Kind       string
}

func projects(repo fs.FS) ([]project, error) {
	var p struct{ Resources []project }
	err := parse(repo, "PROJECT", &p)
	return p.Resources, err
}

func scaffolded(repo fs.FS) ([]string, error) {
	all, err := projects(repo)
	var out []string
	for _, p := range all {
		out = append(out, p.Kind)
	}
	return out, err
}

func listedPages(repo fs.FS) ([]string, error) {
	data, err := fs.ReadFile(repo, "docs/spec/v1alpha1/README.md")
	var out []string
	for _, line := range strings.Split(string(data), "\n") {
		if _, link, ok := strings.Cut(line, ".md]("); ok && strings.HasPrefix(line, "| ") {
			page, _, _ := strings.Cut(link, ".md)")
			out = append(out, page)
		}
	}
	return out, err
}

// objects returns the documents of files.
func objects(repo fs.FS, pattern string) ([]unstructured.Unstructured, error) {
	files, err := fs.Glob(repo, pattern)
	if err != nil {
		return nil, err
	}
	var out []unstructured.Unstructured
	for _, f := range files {
		data, err := fs.ReadFile(repo, f)
		if err != nil {
			return nil, err
		}
		d := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
		for {
			var u unstructured.Unstructured
			if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			out = append(out, u)
		}
	}
	return out, nil
}

// sampled is what the sample's kustomization.yaml names: what other files of the folder have
// is neither applied nor expected. Decisions are no objects of the sample, since they hold
// hashes of what the API server gives out.
func sampled(repo fs.FS) ([]string, error) {
	const dir = "config/samples/national/"
	var k struct{ Resources []string }
	if err := parse(repo, dir+"kustomization.yaml", &k); err != nil {
		return nil, err
	}
	var out []string
	for _, file := range append(k.Resources, "decisions.yaml") {
		all, err := objects(repo, dir+file)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			switch {
			case o.GroupVersionKind().Group == v1alpha1.GroupVersion.Group:
				out = append(out, o.GetKind())
			case o.GetKind() == "Decisions":
				out = append(out, v1alpha1.KindDataSharingApproval)
			}
		}
	}
	return out, nil
}

func mistaken(repo fs.FS) ([]string, error) {
	all, err := objects(repo, "config/samples/errors/*.yaml")
	var out []string
	for _, o := range all {
		out = append(out, o.GetKind())
	}
	return out, err
}

// owners of the objects of the golden files. Settings own some too, and are no kind.
func owners(repo fs.FS) ([]string, error) {
	var out []string
	for _, pattern := range []string{"*/want.yaml", "*.yaml"} {
		all, err := objects(repo, "internal/kinds/*/testdata/golden/"+pattern)
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			if owner := o.GetLabels()[names.LabelOwnerKind]; owner != "" && owner != child.Settings {
				out = append(out, owner)
			}
		}
	}
	return out, nil
}
