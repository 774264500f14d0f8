package cluster

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStartOutsideIsRefused(t *testing.T) {
	t.Setenv(directoryVariable, "")
	if _, err := Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "cluster.Enter") {
		t.Errorf("error: %v, want one that says to call Enter", err)
	}
}

func TestReadArchive(t *testing.T) {
	write := func(name, content string) string {
		path := filepath.Join(t.TempDir(), "image.tar")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		writer := tar.NewWriter(file)
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}

	entry := `{"digest":"sha256:ab","annotations":{"io.containerd.image.name":"registry.example:5000/a/b:v1"}}`
	image, err := ReadArchive(write("index.json", `{"manifests":[`+entry+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := image.ByDigest(), "registry.example:5000/a/b@sha256:ab"; got != want {
		t.Errorf("reference %s, want %s", got, want)
	}
	for name, path := range map[string]string{
		"no index":   write("other", "x"),
		"two images": write("index.json", `{"manifests":[`+entry+`,`+entry+`]}`),
		"no name":    write("index.json", `{"manifests":[{"digest":"sha256:ab"}]}`),
		"no JSON":    write("index.json", `index`),
	} {
		if _, err := ReadArchive(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSampleImages(t *testing.T) {
	dir := t.TempDir()
	const content = `apiVersion: v1
kind: Pod
spec: {image: no-portal}
---
kind: AgencyPortal
spec: {image: registry.example/b@sha256:00}
---
kind: AgencyPortal
spec: {image: registry.example/a:v1}
---
kind: AgencyPortal
spec: {image: registry.example/a:v1}
`
	if err := os.WriteFile(filepath.Join(dir, "portals.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := SampleImages(dir)
	if want := "registry.example/a:v1 registry.example/b@sha256:00"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("images %v: %v, want %s", got, err, want)
	}
}
