package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func only(t *testing.T, name string) []program {
	t.Helper()
	for _, p := range programs {
		if p.name == name {
			return []program{p}
		}
	}
	t.Fatalf("there is no image %s", name)
	return nil
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// files returns the content of a tar stream by name, and its headers.
func files(t *testing.T, archive []byte) (map[string][]byte, []*tar.Header) {
	t.Helper()
	contents := map[string][]byte{}
	var headers []*tar.Header
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return contents, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header)
		if contents[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func decode[T any](t *testing.T, content []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	return value
}

func TestSameSourcesGiveTheSameArchive(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	var digests []string
	for _, out := range []string{first, second} {
		results, err := build(t.Context(), options{root: "../..", out: out, version: "v1.2.3", programs: only(t, "portal-backend"), platforms: platforms})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, results[0].digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("digests: %v", digests)
	}
	for _, name := range []string{"portal-backend.tar", "portal-backend.cdx.json"} {
		if !bytes.Equal(read(t, filepath.Join(first, name)), read(t, filepath.Join(second, name))) {
			t.Errorf("%s differs between two builds", name)
		}
	}

	t.Run("image", func(t *testing.T) { checkImage(t, read(t, filepath.Join(first, "portal-backend.tar")), digests[0]) })
	t.Run("materials", func(t *testing.T) {
		bom := decode[cyclonedx.BOM](t, read(t, filepath.Join(first, "portal-backend.cdx.json")))
		if bom.Metadata == nil || bom.Metadata.Component == nil || bom.Metadata.Component.Version != "v1.2.3" {
			t.Fatal("the bill does not say what it is for")
		}
		if bom.Components == nil || !slices.ContainsFunc(*bom.Components, func(c cyclonedx.Component) bool { return c.Name == "std" }) {
			t.Error("the bill lacks the standard library, which every program holds")
		}
	})
}

func checkImage(t *testing.T, archive []byte, digest string) {
	blobs, _ := files(t, archive)
	blob := func(hash v1.Hash) []byte {
		content, found := blobs["blobs/sha256/"+hash.Hex]
		if !found {
			t.Fatalf("blob %s is missing", hash)
		}
		return content
	}
	top := decode[v1.IndexManifest](t, blobs["index.json"])
	if len(top.Manifests) != 1 || top.Manifests[0].Digest.String() != digest {
		t.Fatalf("index.json: %+v, want one entry with %s", top.Manifests, digest)
	}
	if name := top.Manifests[0].Annotations["io.containerd.image.name"]; name != registry+"govplatform/portal-backend:v1.2.3" {
		t.Errorf("name: %s", name)
	}
	var architectures []string
	for _, descriptor := range decode[v1.IndexManifest](t, blob(top.Manifests[0].Digest)).Manifests {
		architectures = append(architectures, descriptor.Platform.Architecture)
		manifest := decode[v1.Manifest](t, blob(descriptor.Digest))
		config := decode[v1.ConfigFile](t, blob(manifest.Config.Digest))
		if config.Architecture != descriptor.Platform.Architecture || config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/portal-backend"}) {
			t.Errorf("configuration: %+v", config)
		}
		if len(manifest.Layers) != 1 {
			t.Fatalf("%d layers, want 1", len(manifest.Layers))
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(blob(manifest.Layers[0].Digest)))
		if err != nil {
			t.Fatal(err)
		}
		layer, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		_, headers := files(t, layer)
		var names []string
		for _, header := range headers {
			names = append(names, header.Name)
			if header.Uid != 0 || header.Mode&0o022 != 0 && header.Name != "tmp/" {
				t.Errorf("%s: owner %d, mode %o: the user of the image may write it", header.Name, header.Uid, header.Mode)
			}
		}
		if !slices.Equal(names, []string{"tmp/", "portal-backend"}) {
			t.Errorf("files: %v", names)
		}
	}
	if !slices.Equal(architectures, []string{"amd64", "arm64"}) {
		t.Errorf("architectures: %v", architectures)
	}
}

func TestUnknownImage(t *testing.T) {
	if err := command(t.Context(), []string{"-only", "nothing"}); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("error: %v, want one that names the image", err)
	}
}
