package kindtest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/govplatform/govplatform/internal/object"
)

// Update says that golden files are written anew: go test -update.
var Update = flag.Bool("update", false, "write the golden files anew")

// Golden compares objects with testdata/golden/<name>.yaml.
func Golden(t *testing.T, name string, objects []object.Object) {
	t.Helper()
	var buf bytes.Buffer
	for _, o := range objects {
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		buf.WriteString("---\n")
		buf.Write(data)
	}
	path := filepath.Join("testdata", "golden", name+".yaml")
	if *Update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), buf.String()); diff != "" {
		t.Errorf("%s differs (-want +got); write it anew with -update:\n%s", path, diff)
	}
}
