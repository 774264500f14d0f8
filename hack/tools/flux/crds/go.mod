module github.com/govplatform/govplatform/hack/tools/flux/crds

go 1.26.0

require github.com/fluxcd/source-controller v1.9.0
