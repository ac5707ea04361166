#!/usr/bin/env bash
# images/openwrt/libraries.sh build: Python's libraries as each release of OpenWrt has them, in build/openwrt-libraries/RELEASE.
#
# For tests: what they need themselves is beside them. Needs a network when something is not yet there. Exit status: 0, or 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# ---- The releases: name | Python | pyroute2 | paho-mqtt | cryptography (openwrt/packages, 2026-08).
releases() {
  cat <<TABLE
24.10|3.11|0.7.9|1.6.1|41.0.7
25.12|3.13|0.7.9|1.6.1|46.0.6
snapshot|3.13|0.9.6|2.1.0|48.0.0
TABLE
}

say() { printf 'libraries: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

build() {
  local release=$1 python=$2 pyroute2=$3 paho=$4 cryptography=$5 folder=build/openwrt-libraries/$1 mark="$*" log
  [ "$(cat "$folder/release" 2>/dev/null)" != "$mark" ] || return 0
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "the sandbox has no network: run images/openwrt/libraries.sh build."
  log=build/openwrt-libraries/$release.log
  rm -rf "$folder" && mkdir -p "$folder"
  say "fetching the libraries of $release (once) ..."
  # paho-mqtt 1.6 comes as sources, which are the same for every Python.
  { .venv/bin/pip install --quiet --target "$folder" --python-version "$python" --only-binary=:all: "pyroute2==$pyroute2" \
    "cryptography==$cryptography" 'cbor2<6' dnspython hypothesis pytest pytest-timeout &&
    .venv/bin/pip install --quiet --no-deps --target "$folder" "paho-mqtt==$paho"; } >"$log" 2>&1 || fail "pip cannot:" "$(tail -n 3 "$log")"
  echo "$mark" >"$folder/release"
}

case ${1:-} in
  build)
    mkdir -p build/openwrt-libraries
    exec 9>build/openwrt-libraries/lock
    flock 9
    while IFS='|' read -r -a row; do build "${row[@]}"; done < <(releases)
    images/openwrt/python.sh build 3.13
    ;;
  *)
    sed -n '2p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
