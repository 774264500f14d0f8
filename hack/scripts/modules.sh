#!/usr/bin/env bash
# Prints the folders of the project's Go modules that have packages of their own, the root first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

git ls-files --cached --others --exclude-standard -- 'go.mod' '*/go.mod' | sort -u | while read -r file; do
  dir=$(dirname "$file")
  # The modules of the tools only pin versions.
  if [ -f "$file" ] && [ -n "$(find "$dir" -name '*.go' -print -quit)" ]; then
    echo "$dir"
  fi
done | awk '{ print ($0 == "." ? 0 : 1), $0 }' | sort | cut -d' ' -f2-
