#!/usr/bin/env bash
# Runs every fuzz target of the root module for FUZZTIME, one after the other, because go test takes one at a time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

count=0
while IFS=: read -r file target; do
  printf '\033[1m==> fuzz: %s in %s\033[0m\n' "$target" "$(dirname "$file")"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" "./$(dirname "$file")" </dev/null
  count=$((count + 1))
done < <(git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //' | sort)
echo "fuzz: $count targets, no crash"
