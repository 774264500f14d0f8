package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeMaterials writes the bill of materials of an image: the modules that the linker recorded in its binaries, so what
// is really inside and not what a go.mod asks for.
func writeMaterials(p program, binaries map[string]string, r result, path, version string) error {
	modules := map[string]*debug.Module{}
	release, main := "", ""
	for _, architecture := range slices.Sorted(maps.Keys(binaries)) {
		info, err := buildinfo.ReadFile(binaries[architecture])
		if err != nil {
			return fmt.Errorf("read what %s is made of: %w", binaries[architecture], err)
		}
		release, main = info.GoVersion, info.Main.Path
		for _, module := range info.Deps {
			if module.Replace != nil && !strings.HasPrefix(module.Replace.Path, ".") {
				module = module.Replace
			}
			modules[module.Path+"@"+module.Version] = module
		}
	}

	image := cyclonedx.Component{
		BOMRef:      r.reference + "@" + r.digest,
		Type:        cyclonedx.ComponentTypeContainer,
		Name:        r.reference[:strings.LastIndex(r.reference, ":")],
		Version:     version,
		Description: p.description,
		Hashes:      &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: strings.TrimPrefix(r.digest, "sha256:")}},
		Properties:  &[]cyclonedx.Property{{Name: "govplatform:main", Value: main}},
	}
	components := []cyclonedx.Component{module("std", strings.TrimPrefix(release, "go"))}
	for _, key := range slices.Sorted(maps.Keys(modules)) {
		components = append(components, module(modules[key].Path, modules[key].Version))
	}
	parts := make([]string, 0, len(components))
	for _, component := range components {
		parts = append(parts, component.BOMRef)
	}
	// The usual random serial number and time would make every bill different.
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &image}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: image.BOMRef, Dependencies: &parts}}
	var content bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&content, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(path, content.Bytes(), 0o644)
}

// module describes a Go module; its package URL is what vulnerability databases look for.
func module(path, version string) cyclonedx.Component {
	url := "pkg:golang/" + path + "@" + version
	return cyclonedx.Component{BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url, Scope: cyclonedx.ScopeRequired}
}
