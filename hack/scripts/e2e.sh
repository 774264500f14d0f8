#!/usr/bin/env bash
# Runs the tests on a real node. Those of the cluster itself, which take one of their own, run beside those of the platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export GOFLAGS=-trimpath GOVPLATFORM_E2E=1

(cd hack/controlplane && go test ./policyenforcer)
cd test/e2e
beside=$(mktemp)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -f "$beside"' EXIT
# One after the other: two clusters at a time are enough for two processors.
go test -count=1 -parallel 1 -timeout 15m ./cluster/... ./cmd/... ./connectivity/... >"$beside" 2>&1 &
failed=0
go test -v -count=1 -timeout 15m . | grep --line-buffered -v '^=== ' || failed=1
wait $! || failed=1
cat "$beside"
exit $failed
