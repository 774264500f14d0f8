package control

import (
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/govplatform/govplatform/api/v1alpha1"
)

var images = []Control{{
	Name:    "images.allowedRegistries",
	What:    "an image from one of these registries, by whole host and whole path segments: `registry.gov.example` allows neither `registry.gov.example.evil.example/x` nor `registry.gov.examples/x`",
	Of:      "each list",
	Demands: func(s *Spec) bool { return s.Images != nil && s.Images.AllowedRegistries != nil },
	Evaluate: func(s *Spec, w Workload) []Finding {
		return eachImage(w, "an image from "+strings.Join(registries(s), ", "), func(image string) bool {
			return registryAllowed(image, s.Images.AllowedRegistries)
		})
	},
	Admit: func(s *Spec) Admission {
		quoted := registries(s)
		for i := range quoted {
			quoted[i] = strconv.Quote(quoted[i])
		}
		return Admission{
			"variables.images.all(i, [" + strings.Join(quoted, ", ") +
				"].exists(r, i.startsWith(r + '/') || (r.contains('/') && (i == r || i.startsWith(r + ':') || i.startsWith(r + '@')))))",
			"every container image must come from " + strings.Join(registries(s), ", "),
		}
	},
}, {
	Name:    "images.requireDigest",
	What:    "`@sha256:…` instead of a tag",
	Of:      "one is enough",
	Demands: func(s *Spec) bool { return s.Images != nil && s.Images.RequireDigest },
	Evaluate: func(_ *Spec, w Workload) []Finding {
		return eachImage(w, "a reference by digest (@sha256:...)", hasDigest)
	},
	Admit: func(*Spec) Admission {
		return Admission{"variables.images.all(i, i.matches('@sha256:[a-f0-9]{64}$'))", "every container image must be referenced by digest (@sha256:...)"}
	},
}}

// eachImage reports the images of a workload that are not good.
func eachImage(w Workload, wanted string, good func(image string) bool) []Finding {
	var out []Finding
	for _, c := range containers(&w.Template.Spec) {
		if !good(c.image) {
			out = append(out, Finding{Found: c.image, Wanted: wanted})
		}
	}
	return out
}

// registries returns the sorted registries of a spec.
func registries(s *Spec) []string {
	out := make([]string, len(s.Images.AllowedRegistries))
	for i, r := range s.Images.AllowedRegistries {
		out[i] = string(r)
	}
	slices.Sort(out)
	return out
}

// registryAllowed reports whether an image comes from one of the registries. The
// registry host must be equal, letter case aside, and the path must begin with
// all segments of the entry. An image that can't be parsed is not allowed.
func registryAllowed(image string, allowed []v1alpha1.RegistryPrefix) bool {
	host, path, ok := SplitImage(image)
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

// SplitImage returns the registry host and the path of an image, without tag and
// digest; ok is false for one that can't be parsed.
func SplitImage(image string) (host, path string, ok bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", "", false
	}
	return strings.ToLower(reference.Domain(named)), reference.Path(named), true
}

// hasDigest reports whether an image is referenced by a SHA-256 digest, the only
// one that the admission policies accept too.
func hasDigest(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false
	}
	d, ok := named.(reference.Digested)
	return ok && d.Digest().Algorithm() == digest.SHA256
}
