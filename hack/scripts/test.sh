#!/usr/bin/env bash
# Runs the tests of the root module and of the modules beside it, which need nothing but the control plane. With the name
# of a suite it runs only that folder of test/, and with a pattern besides only the tests that have it in their names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Objects in a cache share what they say alike, so one that is changed in place ends the process (docs/decisions/0903).
export KUBE_CACHE_MUTATION_DETECTOR=true

if [ -z "${1:-}" ] && [ -n "${2:-}" ]; then
  echo "RUN=$2 needs the suite that it is in: SUITE=NAME; one of: $(ls test | tr '\n' ' ')" >&2
  exit 1
fi

# A suite that is named runs alone, and a test of it that is named besides.
if [ -n "${1:-}" ]; then
  if [ ! -d "test/$1" ]; then
    echo "SUITE=$1 is no folder of test/; use one of: $(ls test | tr '\n' ' ')" >&2
    exit 1
  fi
  printf '\033[1m==> test: test/%s\033[0m\n' "$1"
  cd "test/$1"
  exec go test -count=1 -timeout 30m ${2:+-run "$2"} ./...
fi

hack/scripts/modules.sh | while read -r dir; do
  case $dir in
  . | hack/image | test/alerts | test/conformance/*) ;;
  *) continue ;;
  esac
  # Its tests read files of the root module, whose changes the cache of test results does not see.
  fresh=
  if [ "$dir" = test/alerts ]; then fresh=-count=1; fi
  printf '\033[1m==> test: %s\033[0m\n' "$dir"
  # These have targets of their own: they take long, and "make gitops" builds Flux first.
  (
    cd "$dir"
    packages=$(go list ./... | grep -v -e '/test/fault$' -e '/test/install$' -e '/test/lifecycle$' -e '/test/gitops$' -e '/test/waiting$')
    # The longest begin first, so that none of them runs alone in the end.
    longest='/test/(integration|threats|schema|process)$'
    packages=$(grep -E "$longest" <<<"$packages"; grep -vE "$longest" <<<"$packages")
    # A package's tests wait for a fifth of their time, so one package more than there are cores runs at once.
    # shellcheck disable=SC2086 # one word per package, none for no flag
    go test $fresh -p $(($(nproc) + 1)) -timeout 30m $packages </dev/null
  )
done
