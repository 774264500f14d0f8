package kindtest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/child"
	"github.com/govplatform/govplatform/internal/object"
)

// Emitted returns every object of the golden files in the rooms; the pattern of the
// files is where the rooms are, for example "../kinds/*/testdata/golden".
func Emitted(t testing.TB, rooms string) []object.Object {
	t.Helper()
	var out []object.Object
	for _, pattern := range []string{"*.yaml", "*/want.yaml"} {
		files, err := filepath.Glob(filepath.Join(rooms, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no golden files %s in %s: %v", pattern, rooms, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range bytes.Split(data, []byte("---\n")) {
				out = append(out, decoded(t, file, doc)...)
			}
		}
	}
	return out
}

// decoded is the object of one document, none where it is what was found besides.
func decoded(t testing.TB, file string, doc []byte) []object.Object {
	t.Helper()
	var is struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(doc, &is); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if is.Kind == "" {
		return nil
	}
	row, err := child.Of(schema.FromAPIVersionAndKind(is.APIVersion, is.Kind).GroupKind())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	o := row.New()
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return []object.Object{o}
}
