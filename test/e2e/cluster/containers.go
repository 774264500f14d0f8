package cluster

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Image is an image that "make image" wrote.
type Image struct {
	// Name is the image with its tag.
	Name string
	// Digest is sha256:… of the index of all architectures.
	Digest string
}

// Repository returns the name without its tag.
func (i Image) Repository() string {
	if at := strings.LastIndex(i.Name, ":"); at > strings.LastIndex(i.Name, "/") {
		return i.Name[:at]
	}
	return i.Name
}

// ByDigest returns the reference that policies ask for: the name and the digest.
func (i Image) ByDigest() string { return i.Repository() + "@" + i.Digest }

// ReadArchive returns the image in an archive in OCI layout.
func ReadArchive(path string) (Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return Image{}, err
	}
	defer file.Close()
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return Image{}, fmt.Errorf("%s has no index.json: it is not an archive in OCI layout", path)
		}
		if err != nil {
			return Image{}, fmt.Errorf("read %s: %w", path, err)
		}
		if header.Name != "index.json" {
			continue
		}
		var index struct {
			Manifests []struct {
				Digest      string
				Annotations map[string]string
			}
		}
		if err := json.NewDecoder(archive).Decode(&index); err != nil {
			return Image{}, fmt.Errorf("read index.json of %s: %w", path, err)
		}
		if len(index.Manifests) != 1 {
			return Image{}, fmt.Errorf("%s holds %d images, want one", path, len(index.Manifests))
		}
		image := Image{Name: index.Manifests[0].Annotations["io.containerd.image.name"], Digest: index.Manifests[0].Digest}
		if image.Name == "" || image.Digest == "" {
			return Image{}, fmt.Errorf("the image in %s has no name", path)
		}
		return image, nil
	}
}

// archives returns the paths of all images to load.
func (c *Cluster) archives() []string {
	var paths []string
	for _, name := range append([]string{"pause", "coredns"}, c.options.Images...) {
		if !strings.ContainsRune(name, filepath.Separator) {
			name = filepath.Join(c.options.ImagesDir, strings.TrimSuffix(name, ".tar")+".tar")
		}
		paths = append(paths, name)
	}
	return paths
}

// Image returns the image that was loaded from <name>.tar.
func (c *Cluster) Image(name string) (Image, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	image, found := c.images[name]
	if !found {
		return Image{}, fmt.Errorf("the image %s is not loaded: name it in Options.Images", name)
	}
	return image, nil
}

// startContainerd runs containerd and loads the images.
func (c *Cluster) startContainerd(ctx context.Context) error {
	pause, err := ReadArchive(c.archives()[0])
	if err != nil {
		return err
	}
	networks := filepath.Join(c.dir, "cni")
	if err := os.MkdirAll(networks, 0o700); err != nil {
		return err
	}
	// Packets between pods are routed and keep their addresses, so that policies need neither filters on bridges nor
	// guesses about who is behind the node's address.
	network, err := json.Marshal(object{
		"cniVersion": "1.0.0", "name": "pods",
		"plugins": []object{{
			"type": "ptp", "ipMasq": false,
			"ipam": object{
				"type": "host-local", "dataDir": filepath.Join(c.dir, "addresses"),
				"ranges": [][]object{{{"subnet": PodCIDR}}},
				"routes": []object{{"dst": "0.0.0.0/0"}},
			},
		}},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(networks, "10-pods.conflist"), network, 0o600); err != nil {
		return err
	}
	config := filepath.Join(c.dir, "containerd.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, containerdConfig, filepath.Join(c.dir, containerdRoot), containerSocket, pause.Name, pluginDir, networks), 0o600); err != nil {
		return err
	}
	containerd, err := startProcess(c.dir, "containerd", "containerd", "--config", config)
	if err != nil {
		return err
	}
	c.set(&c.containerd, containerd)
	if err := c.wait(ctx, "containerd", func(ctx context.Context) error {
		_, err := c.ctr(ctx, "version")
		return err
	}); err != nil {
		return err
	}
	for _, path := range c.archives() {
		if _, err := c.LoadImage(ctx, path); err != nil {
			return err
		}
	}
	for name, references := range c.options.Tags {
		image, err := c.Image(name)
		if err != nil {
			return err
		}
		if err := c.TagImage(ctx, image, references...); err != nil {
			return err
		}
	}
	c.progress("images")
	return nil
}

// LoadImage loads an archive, so that pods can name its image by tag or by digest.
func (c *Cluster) LoadImage(ctx context.Context, path string) (Image, error) {
	image, err := ReadArchive(path)
	if err != nil {
		return Image{}, err
	}
	if _, err := c.ctr(ctx, "images", "import", path); err != nil {
		return Image{}, err
	}
	if err := c.TagImage(ctx, image, image.ByDigest()); err != nil {
		return Image{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images[strings.TrimSuffix(filepath.Base(path), ".tar")] = image
	return image, nil
}

// TagImage lets pods run a loaded image under further references. The digest in a reference need not be the image's:
// samples name made-up ones, and containerd compares a digest only with what it fetches.
func (c *Cluster) TagImage(ctx context.Context, image Image, references ...string) error {
	if len(references) == 0 {
		return nil
	}
	_, err := c.ctr(ctx, append([]string{"images", "tag", "--force", image.Name}, references...)...)
	return err
}

func (c *Cluster) ctr(ctx context.Context, args ...string) ([]byte, error) {
	return output(ctx, "ctr", append([]string{"--address", containerSocket, "--namespace", "k8s.io"}, args...)...)
}

// containerdConfig takes the root, the socket, the pause image, and the folders of the network plugins and networks.
// Without restrict_oom_score_adj no container starts where root may not lower the score that protects from the kernel's
// memory killer.
const containerdConfig = `version = 2
root = %q
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt",
]

[grpc]
  address = %q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`
