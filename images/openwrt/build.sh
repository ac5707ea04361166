#!/usr/bin/env bash
# images/openwrt/build.sh ipk|apk FOLDER: OpenWrt's packages of that kind into FOLDER; images/build.sh calls it.
#
# Modules are packed as byte-code of the Python that the releases have which take such packages (ipk: 3.11, apk: 3.13), with a
# twin of their sources; where that Python cannot be had, sources are packed, and it says so. Exit status: 0, or 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
umask 022

kind=$1 out=$2
: "${AIRGRANT_VERSION:?}" "${AIRGRANT_RELEASE:?}" "${SOURCE_DATE_EPOCH:?}"
declare -A wanted=([ipk]=3.11 [apk]=3.13)
# LuCI's page is packed where it is there.
packages=(airgrant-apd airgrant-apd-src airgrant-apd-cell airgrant-apd-cell-src airgrant-apd-tpm)
[ ! -d images/openwrt/luci-app-airgrant ] || packages+=(luci-app-airgrant)

say() { printf 'images: %s\n' "$@" >&2; }

python=$(images/openwrt/python.sh build "${wanted[$kind]}" && images/openwrt/python.sh path "${wanted[$kind]}") || python=
[ -n "$python" ] || say "no Python ${wanted[$kind]} here: .$kind packages get sources, which start slowly on a router."
packer=$(command -v python3 || echo .venv/bin/python)

for package in "${packages[@]}"; do
  case $package in *-src) [ -n "$python" ] || continue ;; esac
  stage=$out/stage/$kind/$package
  "$packer" -m images.openwrt.stage "$package" "$kind" "$AIRGRANT_VERSION" "$AIRGRANT_RELEASE" "$stage" ${python:+"$python"}
  answer=$(build/go/bin/nfpm package --config "$stage.json" --packager "$kind" --target "$out/" 2>&1) || {
    say "$package cannot be packed:" "$answer"
    exit 3
  }
  answer=$(sed -n 's/^created package: //p' <<<"$answer")
  say "$answer ($(stat -c %s "$answer") octets)"
done
