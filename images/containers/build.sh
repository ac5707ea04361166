#!/usr/bin/env bash
# images/containers/build.sh [NAME...]: container images apd, broker, ledger and operatord, into build/images; and lab, if it is named.
#
# In a Docker engine of the lab's sandbox, without a network, over a base made of Debian's packages (images/containers/fetch.sh);
# what is there afterwards is a file for `docker load`. --keep: only in that engine, for those who run them there.
# Exit status: 0 built, 3 this machine cannot (it says what is missing).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
umask 022

here=images/containers
out=build/images
all=(apd broker ledger operatord)
say() { printf 'images: %s\n' "$@" >&2; }

keep=
if [ "${1:-}" = --keep ]; then
  keep=yes
  shift
fi
[ "${1:-}" != oci ] || shift 2 # as images/build.sh calls every recipe: kind and folder
[ $# -gt 0 ] || set -- "${all[@]}"

# Our own code dates and names the images: the last commit.
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' apd/version.py)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

if [ -z "${DOCKER_HOST:-}" ]; then
  $here/fetch.sh || exit 3
  case " $* " in *" lab "*) $here/fetch.sh lab || exit 3 ;; esac
  status=0
  lab/sandbox.sh $here/engine.sh build/containers/engine "${BASH_SOURCE[0]}" ${keep:+--keep} "$@" || status=$?
  [ $status -eq 0 ] || exit 3
  exit
fi

base=airgrant-base:$(sha256sum <build/containers/base.tar | cut -c 1-12)
docker image inspect "$base" >/dev/null 2>&1 || docker import build/containers/base.tar "$base" >/dev/null
log=build/containers/build.log
: >"$log"
for name in "$@"; do
  docker build --network none --build-arg BASE="$base" --build-arg VERSION="$version" --build-arg REVISION="$revision" --target "$name" \
    --tag "airgrant-$name:$version" --file $here/Dockerfile . >>"$log" 2>&1 || {
    say "airgrant-$name cannot be built:" "$(tail -n 12 "$log")"
    exit 3
  }
  [ -z "$keep" ] || continue
  mkdir -p $out
  docker save "airgrant-$name:$version" | gzip --no-name >"$out/airgrant-${name}_$version.tar.gz"
  octets=$(docker image inspect --format '{{.Size}}' "airgrant-$name:$version")
  say "$out/airgrant-${name}_$version.tar.gz ($(stat -c %s "$out/airgrant-${name}_$version.tar.gz") octets, $octets unpacked): docker load"
done
# What earlier builds left.
docker image prune --force >/dev/null
docker builder prune --force --keep-storage 4GB >/dev/null
