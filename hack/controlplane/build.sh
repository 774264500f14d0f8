#!/usr/bin/env bash
# Builds the test control plane into bin/controlplane: etcd, the Kubernetes components, kubectl, kwok with its stage
# files, CoreDNS and the NetworkPolicy enforcer, all from source, because nothing but Go and a module proxy is needed then.
#
# The result is cached under a hash of everything that goes into it, so that "make controlplane" can be a prerequisite of
# every test. The folder is filled beside its final place and moved there in one step: it is either complete or absent.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
bin=../../bin
out=$bin/controlplane

# The environment must not change what is built.
export CGO_ENABLED=0 GOWORK=off GOFLAGS=

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

inputs() {
  go env GOVERSION GOOS GOARCH
  cat build.sh go.mod go.sum */*.go
}

hash=$(inputs | sha256 | cut -d' ' -f1)
built() { [ "$(cat $out/.hash 2>/dev/null)" = "$hash" ]; }
if built; then
  exit 0
fi

mkdir -p $bin
if command -v flock >/dev/null; then
  # A second caller waits for the first and then finds its result.
  exec 9>$bin/.controlplane.lock
  flock 9
  if built; then
    exit 0
  fi
  rm -rf $bin/.controlplane.?????? # A killed build could not remove its folder.
fi

new=$(mktemp -d $bin/.controlplane.XXXXXX)
compiler=
cleanup() {
  if [ -n "$compiler" ]; then kill "$compiler" 2>/dev/null || true; fi
  rm -rf "$new"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

echo "controlplane: building; with an empty cache this takes about 10 minutes on 2 cores, otherwise seconds"
echo "controlplane: fetching modules"
packages=(./kube ./coredns ./policyenforcer sigs.k8s.io/kwok/cmd/kwok)
flags=(-trimpath -buildvcs=false)
total=$(go list "${flags[@]}" -deps -f '{{if .Stale}}{{.ImportPath}}{{end}}' "${packages[@]}" | wc -l)
total=$((total))

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
ldflags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  ldflags+=" -X $package.gitCommit= -X $package.gitTreeState=clean"
done

go build "${flags[@]}" -v -ldflags "$ldflags" -o "$new/" "${packages[@]}" 2>"$new/.log" 9>&- &
compiler=$!
ticks=0
while kill -0 $compiler 2>/dev/null; do
  sleep 0.2
  ticks=$((ticks + 1))
  if [ $((ticks % 50)) -eq 0 ]; then
    compiled=$(wc -l <"$new/.log")
    if [ "$compiled" -ge "$total" ]; then state="linking"; else state="$((compiled)) of $total packages"; fi
    echo "controlplane: $state, ${SECONDS} s"
  fi
done
if ! wait $compiler; then
  compiler=
  # -v fills the log with the names of packages, which are no part of the message.
  grep -v -E '^[a-z0-9.]+(/[^ :]+)*$' "$new/.log" >&2 || true
  echo "controlplane: the build failed" >&2
  exit 1
fi
compiler=

mv "$new/policyenforcer" "$new/policy-enforcer"
for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy; do
  ln -s kube "$new/$name"
done
# Nodes renew leases, and pods run as soon as they are scheduled and go as soon as they are deleted.
stages=$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete; do
  echo "---"
  cat "$stages/$stage.yaml"
done >"$new/kwok-stages.yaml"

rm "$new/.log"
chmod 755 "$new"
echo "$hash" >"$new/.hash"
# Deleting the old folder in place could be interrupted when its hash is still there and its programs are not.
if [ -e $out ]; then mv $out "$new/.old"; fi
mv "$new" $out
rm -rf $out/.old
echo "controlplane: built $(cd $out && pwd -P | sed "s|^$(cd ../.. && pwd -P)/||") in ${SECONDS} s"
