package policy

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

// RegistryAllowed tells whether an image comes from one of the registries. The
// registry host must be equal, letter case aside, and the path must begin with
// all segments of the entry. An image that can't be parsed is not allowed.
func RegistryAllowed(image string, allowed []v1alpha1.RegistryPrefix) bool {
	host, path, ok := splitImage(image)
	if !ok {
		return false
	}
	return slices.ContainsFunc(allowed, func(p v1alpha1.RegistryPrefix) bool {
		wantHost, wantPath, _ := strings.Cut(strings.ToLower(string(p)), "/")
		if host != wantHost {
			return false
		}
		if wantPath == "" {
			return true
		}
		want, have := strings.Split(wantPath, "/"), strings.Split(path, "/")
		return len(have) >= len(want) && slices.Equal(have[:len(want)], want)
	})
}

func splitImage(image string) (host, path string, ok bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", "", false
	}
	return strings.ToLower(reference.Domain(named)), reference.Path(named), true
}

// HasDigest tells whether an image is referenced by a SHA-256 digest, the only
// one that the admission policies accept too.
func HasDigest(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false
	}
	d, ok := named.(reference.Digested)
	return ok && d.Digest().Algorithm() == digest.SHA256
}

// Repository returns the registry and path of an image, without tag and digest:
// releases of one program share it. What can't be parsed is its own repository.
func Repository(image string) string {
	host, path, ok := splitImage(image)
	if !ok {
		return image
	}
	return host + "/" + path
}
