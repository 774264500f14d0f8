// Package crd holds the CustomResourceDefinitions for programs that check YAML
// without an API server.
package crd

import "embed"

// Bases are the generated definitions, one file per kind, under bases/.
//
//go:embed bases/*.yaml
var Bases embed.FS
