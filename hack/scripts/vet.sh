#!/usr/bin/env bash
# Runs go vet in every module.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

hack/scripts/modules.sh | while read -r dir; do
  printf '\033[1m==> vet: %s\033[0m\n' "$dir"
  flags=
  # With the flags of its own build, Kubernetes need not be compiled a second time.
  if [ "$dir" = hack/controlplane ]; then flags=-trimpath; fi
  (cd "$dir" && GOFLAGS="${GOFLAGS:-} $flags" go vet ./... </dev/null)
done
