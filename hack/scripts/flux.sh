#!/usr/bin/env bash
# Builds Flux's kustomize-controller into bin/flux, beside the definitions that it reads, for test/gitops. Both come from
# pinned modules; "go build" does nothing when nothing changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tools=hack/tools/flux
out=bin/flux
export CGO_ENABLED=0 GOWORK=off GOFLAGS=
mkdir -p $out/crds
echo "flux: building kustomize-controller; with an empty cache this takes some minutes on 2 cores"
go build -C $tools -ldflags='-s -w' -o "$PWD/$out/kustomize-controller" github.com/fluxcd/kustomize-controller
(cd $tools/crds && go mod download github.com/fluxcd/source-controller)
# The folders in the module cache can't be written, nor can copies that keep the mode.
install -m 644 "$(go list -C $tools -m -f '{{.Dir}}' github.com/fluxcd/kustomize-controller)"/config/crd/bases/*.yaml \
  "$(go list -C $tools/crds -m -f '{{.Dir}}' github.com/fluxcd/source-controller)"/config/crd/bases/*.yaml $out/crds
