package control

import (
	"slices"
	"strings"
	"testing"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

func TestRegistryAllowed(t *testing.T) {
	tests := []struct {
		name, image string
		allowed     []v1alpha1.RegistryPrefix
		want        bool
	}{
		{"host", "registry.gov.example/mof/tax:1", []v1alpha1.RegistryPrefix{"registry.gov.example"}, true},
		{"host and digest", "registry.gov.example/tax@sha256:" + digest64, []v1alpha1.RegistryPrefix{"registry.gov.example"}, true},
		{"host, tag and digest", "registry.gov.example/tax:1@sha256:" + digest64, []v1alpha1.RegistryPrefix{"registry.gov.example"}, true},
		{"path", "registry.gov.example/mof/tax", []v1alpha1.RegistryPrefix{"registry.gov.example/mof"}, true},
		{"deeper path", "registry.gov.example/mof/tax/web", []v1alpha1.RegistryPrefix{"registry.gov.example/mof/tax"}, true},
		{"the entry is the whole repository", "registry.gov.example/mof/tax:1", []v1alpha1.RegistryPrefix{"registry.gov.example/mof/tax"}, true},
		{"path one segment short", "registry.gov.example/mof", []v1alpha1.RegistryPrefix{"registry.gov.example/mof/tax"}, false},
		{"other path", "registry.gov.example/mic/tax", []v1alpha1.RegistryPrefix{"registry.gov.example/mof"}, false},
		{"port", "registry.gov.example:5000/tax", []v1alpha1.RegistryPrefix{"registry.gov.example:5000"}, true},
		{"port that is not listed", "registry.gov.example:5000/tax", []v1alpha1.RegistryPrefix{"registry.gov.example"}, false},
		{"port that is missing", "registry.gov.example/tax", []v1alpha1.RegistryPrefix{"registry.gov.example:5000"}, false},
		{"port that begins alike", "registry.gov.example:50001/tax", []v1alpha1.RegistryPrefix{"registry.gov.example:5000"}, false},
		{"shorthand of Docker Hub", "nginx", []v1alpha1.RegistryPrefix{"docker.io"}, true},
		{"shorthand of an official image", "nginx:1", []v1alpha1.RegistryPrefix{"docker.io/library"}, true},
		{"shorthand of a user's image", "someone/nginx", []v1alpha1.RegistryPrefix{"docker.io/library"}, false},
		{"shorthand is not ours", "mof/tax", []v1alpha1.RegistryPrefix{"registry.gov.example/mof", "mof"}, false},
		{"other name of Docker Hub", "index.docker.io/library/nginx", []v1alpha1.RegistryPrefix{"docker.io"}, true},
		{"no list", "registry.gov.example/tax", nil, false},
		{"empty entry", "registry.gov.example/tax", []v1alpha1.RegistryPrefix{""}, false},
		{"no image", "", []v1alpha1.RegistryPrefix{"docker.io"}, false},
		{"scheme", "https://registry.gov.example/tax", []v1alpha1.RegistryPrefix{"registry.gov.example", "https:"}, false},
		{"path with dots", "registry.gov.example/mof/../mic/tax", []v1alpha1.RegistryPrefix{"registry.gov.example/mof"}, false},
		{"capitals in the path", "registry.gov.example/MOF/tax", []v1alpha1.RegistryPrefix{"registry.gov.example/mof"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := registryAllowed(tt.image, tt.allowed); got != tt.want {
				t.Errorf("RegistryAllowed(%q, %v) = %v, want %v", tt.image, tt.allowed, got, tt.want)
			}
		})
	}
}

// TestThreat16_OrderAndCaseDoNotMatter tries every rotation of a list and
// capitals in the host.
func TestThreat16_OrderAndCaseDoNotMatter(t *testing.T) {
	list := []v1alpha1.RegistryPrefix{"registry.gov.example/mof", "mirror.gov.example", "Registry.Gov.Example/mic"}
	for image, want := range map[string]bool{
		"registry.gov.example/mof/tax":   true,
		"REGISTRY.gov.Example/mof/tax":   true,
		"registry.gov.example/mic/press": true,
		"mirror.gov.example/any/thing":   true,
		"evil.example/mof/tax":           false,
		"EVIL.example/mof/tax":           false,
		"registry.gov.example/evil/tax":  false,
	} {
		for i := range list {
			rotated := slices.Concat(list[i:], list[:i])
			if got := registryAllowed(image, rotated); got != want {
				t.Errorf("RegistryAllowed(%q, %v) = %v, want %v", image, rotated, got, want)
			}
		}
	}
}

// TestThreat17_WholeHostAndSegments: a name that only begins or ends like an
// allowed one is another name.
func TestThreat17_WholeHostAndSegments(t *testing.T) {
	allowed := []v1alpha1.RegistryPrefix{"registry.gov", "registry.gov.vn/mof"}
	for _, image := range []string{
		"registry.gov.evil.example/mof/tax",
		"registry.govx/mof/tax",
		"xregistry.gov/mof/tax",
		"evil.example/registry.gov/mof/tax",
		"registry.gov.vn/mofa/tax",
		"registry.gov.vn/mof-evil/tax",
		"registry.gov.vn/evil/mof/tax",
		"registry.gov.vn.evil.example/mof/tax",
		"registry.gov.:443/mof/tax",
		"registry.gov./mof/tax",
		"registry.gov@evil.example/mof/tax",
		"user:registry.gov@evil.example/tax",
		"registry.gov%2fevil/tax",
		"registry.gov",
	} {
		if registryAllowed(image, allowed) {
			t.Errorf("RegistryAllowed(%q, %v) = true", image, allowed)
		}
	}
}

func TestHasDigest(t *testing.T) {
	for image, want := range map[string]bool{
		"registry.gov.example/tax@sha256:" + digest64:               true,
		"registry.gov.example/tax:1@sha256:" + digest64:             true,
		"registry.gov.example/tax:1":                                false,
		"registry.gov.example/tax":                                  false,
		"registry.gov.example/tax@sha256:" + digest64[:63]:          false,
		"registry.gov.example/tax@sha512:" + digest64 + digest64:    false,
		"registry.gov.example/tax:sha256-" + digest64:               false,
		"registry.gov.example/sha256/" + digest64[:12] + "/tax:1":   false,
		"registry.gov.example/tax@sha256:" + digest64 + "/evil/tax": false,
		"": false,
	} {
		if got := hasDigest(image); got != want {
			t.Errorf("HasDigest(%q) = %v, want %v", image, got, want)
		}
	}
}

func FuzzRegistryAllowed(f *testing.F) {
	f.Add("registry.gov.vn/mof/tax:1", "registry.gov.vn/mof", "docker.io")
	f.Add("registry.gov.evil.example/x", "registry.gov", "")
	f.Add("nginx", "docker.io/library", "registry.gov.vn:5000")
	f.Fuzz(func(t *testing.T, image, a, b string) {
		list := []v1alpha1.RegistryPrefix{v1alpha1.RegistryPrefix(a), v1alpha1.RegistryPrefix(b)}
		got := registryAllowed(image, list)
		if got != registryAllowed(image, []v1alpha1.RegistryPrefix{list[1], list[0]}) {
			t.Error("the order of the list matters")
		}
		if got != (registryAllowed(image, list[:1]) || registryAllowed(image, list[1:])) {
			t.Error("an image is allowed that no entry allows, or the other way round")
		}
		host, _, parsed := SplitImage(image)
		if got && !parsed {
			t.Error("an image that can't be parsed is allowed")
		}
		if got && !strings.EqualFold(hostOf(a), host) && !strings.EqualFold(hostOf(b), host) {
			t.Errorf("host %q is none of %v", host, list)
		}
	})
}

func hostOf(prefix string) string {
	host, _, _ := strings.Cut(prefix, "/")
	return host
}
