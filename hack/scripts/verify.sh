#!/usr/bin/env bash
# Checks what a test does not see: generated files, formatting, vet, lint and the installation. It runs all checks before
# it fails, so that one run shows everything that is to be mended.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '\033[1m==> verify: %s\033[0m\n' "$*"; }
failed=()

say "generated files"
generated=(api config/crd/bases config/rbac/role.yaml config/manager/config.yaml charts/govplatform docs/api)
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
# Copies are compared and not git's view, so that the check also works with uncommitted work.
for path in "${generated[@]}"; do
  if [ -e "$path" ]; then
    mkdir -p "$before/$(dirname "$path")"
    cp -R "$path" "$before/$path"
  fi
done
make generate manifests chart
for path in "${generated[@]}"; do
  diff -ruN "$before/$path" "$path" || failed+=("generated files: $path was out of date and is regenerated now; review and commit it")
done

say "formatting"
unformatted=$(git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0 -r sh -c 'for f; do [ ! -e "$f" ] || echo "$f"; done' sh | xargs -r gofmt -l)
if [ -n "$unformatted" ]; then
  echo "$unformatted"
  failed+=("formatting: run make fmt")
fi
for script in .ci/run hack/scripts/*.sh hack/controlplane/*.sh; do
  bash -n "$script" || failed+=("formatting: $script does not parse")
done

make vet || failed+=("vet")
make lint || failed+=("lint")

say "installation: kustomize and Helm render the same, and the API server takes it"
# Not from the cache of test results: what the renderers read, go test does not know of.
go test -count=1 ./test/install || failed+=("installation")

if [ ${#failed[@]} -gt 0 ]; then
  printf 'verify: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "verify: all is well"
