#!/usr/bin/env bash
# Prints the folder of the test control plane: the one that is given, where it has all
# programs and is of the version that is built here, so that nothing need be compiled;
# else bin/controlplane, built from source. All that is said goes to standard error.
set -euo pipefail
given=${1:-}
if [ -d "$given" ]; then given=$(cd "$given" && pwd); fi
cd "$(dirname "${BASH_SOURCE[0]}")"
built=$(cd ../.. && pwd)/bin/controlplane

# problem prints in one line why the folder that is given can't be used.
problem() {
  local name wanted found
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok; do
    if [ ! -x "$given/$name" ]; then echo "$name is missing there, or can't be run"; return; fi
  done
  # kwok takes its stages from this file, which "make controlplane" writes.
  if [ ! -f "$given/kwok-stages.yaml" ]; then echo "kwok-stages.yaml is missing there"; return; fi
  # A patch release changes nothing that the tests rely on, a minor release does.
  wanted=$(sed -n 's|^\tk8s.io/kubernetes v\([0-9]*\.[0-9]*\)\..*|\1|p' go.mod)
  found=$("$given/kube-apiserver" --version 2>/dev/null | sed -n 's/^Kubernetes v//p') || true
  case $found in
  "$wanted".*) ;;
  *) echo "kube-apiserver is of version ${found:-unknown}, and $wanted is needed" ;;
  esac
}

if [ -n "$given" ] && ! [ "$given" -ef "$built" ]; then
  why=$(problem)
  if [ -z "$why" ]; then
    echo "controlplane: taken from KUBEBUILDER_ASSETS=$given" >&2
    echo "$given"
    exit 0
  fi
  echo "controlplane: KUBEBUILDER_ASSETS=$given can't be used: $why; bin/controlplane is used instead" >&2
fi
./build.sh >&2
echo "$built"
