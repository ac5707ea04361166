#!/usr/bin/env bash
# images/build.sh [NAME...]: packages of what this tree builds, in build/images; without names all of the table below.
#
# The same tree gives the same octets: files are dated by the last commit. AIRGRANT_RELEASE (default 1) counts packages of
# one version. Exit status: 0 they are there, 3 the packager cannot be had or refuses (it says why). Container images take
# what not every machine allows (images/containers/engine.sh): where none was named, that is said, and is no failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022 # whatever its builder's is: the daemon's user has to read what is packed

# ---- The packages: name | kind | recipe | the module whose imports are packed | why.
packages() {
  cat <<TABLE
airgrant-apd|deb|images/debian/airgrant-apd.yaml|apd.__main__|the box, on Debian
openwrt-ipk|ipk|images/openwrt/build.sh|apd.__main__|the box, on OpenWrt 24.10
openwrt-apk|apk|images/openwrt/build.sh|apd.__main__|the box, on OpenWrt 25.12
containers|oci|images/containers/build.sh||box, ledger, operator, RADIUS and broker as container images
TABLE
}

out=build/images
say() { printf 'images: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

find_python() {
  local candidate
  for candidate in .venv/bin/python python3; do
    if command -v "$candidate" >/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "python3 is missing."
}

build() {
  local name=$1 kind recipe module why answer
  IFS='|' read -r _ kind recipe module why < <(packages | grep "^$name|") || fail "there is no package '$name' in the table."
  export AIRGRANT_VERSION AIRGRANT_RELEASE=${AIRGRANT_RELEASE:-1} AIRGRANT_STAGE=$out/stage/$name
  AIRGRANT_VERSION=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' apd/version.py)
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y apd/version.py)
  export SOURCE_DATE_EPOCH
  mkdir -p "$out"
  if [ -x "$recipe" ]; then # several packages of one kind
    "$recipe" "$kind" "$out" || {
      if [ "$kind" != oci ] || [ -n "$named" ]; then fail "$name cannot be packed."; fi
      say "NOT BUILT: $name ($why): the lines above say what is missing."
    }
    return
  fi
  "$(find_python)" -m images.stage "$module" "$AIRGRANT_STAGE" >/dev/null
  answer=$(build/go/bin/nfpm package --config "$recipe" --packager "$kind" --target "$out/" 2>&1) ||
    fail "$name cannot be packed:" "$answer"
  answer=$(sed -n 's/^created package: //p' <<<"$answer")
  say "$answer ($(stat -c %s "$answer") octets): $why"
}

lab/go.sh build nfpm || exit 3
named=$*
# shellcheck disable=SC2046  # names are words
[ $# -gt 0 ] || set -- $(packages | cut -d'|' -f1)
for name in "$@"; do build "$name"; done
