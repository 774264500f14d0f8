package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the one that "nonroot" means in distroless images, which everybody expects; it owns nothing.
const user = "65532:65532"

// epoch stands for every time in an archive, because the time of the build would make each one different.
var epoch = time.Unix(0, 0).UTC()

// write makes the image of the program and writes it as <out>/<name>.tar.
func write(p program, binaries map[string]string, out, version string) (result, error) {
	labels := map[string]string{
		"org.opencontainers.image.title":       p.name,
		"org.opencontainers.image.description": p.description,
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range slices.Sorted(maps.Keys(binaries)) {
		image, err := imageOf(p, architecture, binaries[architecture], labels)
		if err != nil {
			return result{}, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	digest, err := index.Digest()
	if err != nil {
		return result{}, err
	}
	r := result{name: p.name, path: filepath.Join(out, p.name+".tar"), reference: p.repository + ":" + version, digest: digest.String()}

	// A reader of the archive must never find half of it.
	file, err := os.CreateTemp(out, "."+p.name+"-")
	if err != nil {
		return result{}, err
	}
	defer os.Remove(file.Name())
	err = writeLayout(file, index, r.reference)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return result{}, err
	}
	info, err := os.Stat(file.Name())
	if err != nil {
		return result{}, err
	}
	r.size = info.Size()
	if err := os.Chmod(file.Name(), 0o644); err != nil {
		return result{}, err
	}
	return r, os.Rename(file.Name(), r.path)
}

// imageOf returns an image for one architecture that holds the program and a folder for temporary files.
func imageOf(p program, architecture, path string, labels map[string]string) (v1.Image, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	writer := tar.NewWriter(&files)
	for _, header := range []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777, ModTime: epoch},
		{Name: p.binary, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content)), ModTime: epoch},
	} {
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching,
	)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "COPY " + p.binary + " /"}})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", architecture, v1.Time{Time: epoch}
	file.Config = v1.Config{
		Entrypoint: []string{"/" + p.binary},
		Env:        []string{"PATH=/"},
		User:       user,
		WorkingDir: "/",
		Labels:     labels,
	}
	return mutate.ConfigFile(image, file)
}

// writeLayout writes the image as an OCI layout in a tar stream. Its index names the image in both ways that are in use:
// containerd reads the one, skopeo and others the other.
func writeLayout(out io.Writer, image v1.ImageIndex, reference string) error {
	blobs := map[string][]byte{}
	if err := collect(image, blobs); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	size, err := image.Size()
	if err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIImageIndex, Digest: digest, Size: size,
			Annotations: map[string]string{"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference},
		}},
	})
	if err != nil {
		return err
	}
	writer := tar.NewWriter(out)
	put := func(name string, content []byte) error {
		if err := writer.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), ModTime: epoch}); err != nil {
			return err
		}
		_, err := writer.Write(content)
		return err
	}
	if err := put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := put("index.json", index); err != nil {
		return err
	}
	for _, hex := range slices.Sorted(maps.Keys(blobs)) {
		if err := put("blobs/sha256/"+hex, blobs[hex]); err != nil {
			return err
		}
	}
	return writer.Close()
}

// collect gathers everything that the index refers to.
func collect(index v1.ImageIndex, blobs map[string][]byte) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	if err := add(blobs, index.Digest, index.RawManifest); err != nil {
		return err
	}
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return err
		}
		if err := add(blobs, image.Digest, image.RawManifest); err != nil {
			return err
		}
		if err := add(blobs, image.ConfigName, image.RawConfigFile); err != nil {
			return err
		}
		layers, err := image.Layers()
		if err != nil {
			return err
		}
		for _, layer := range layers {
			if err := add(blobs, layer.Digest, func() ([]byte, error) { return compressed(layer) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func add(blobs map[string][]byte, digest func() (v1.Hash, error), content func() ([]byte, error)) error {
	hash, err := digest()
	if err != nil {
		return err
	}
	if hash.Algorithm != "sha256" {
		return fmt.Errorf("digest %s: only sha256 has a place in the archive", hash)
	}
	blobs[hash.Hex], err = content()
	return err
}

func compressed(layer v1.Layer) ([]byte, error) {
	reader, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(reader)
}
