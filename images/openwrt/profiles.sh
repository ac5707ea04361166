#!/usr/bin/env bash
# images/openwrt/profiles.sh [NAME]: what to give OpenWrt's image builder for a router; without a name, the table.
#
# Packages are looked for in the image builder's folder `packages`, where those of build/images have to be copied.
# Exit status: 0, or 2 for a name that is not there.
set -euo pipefail

# ---- Routers: name | target | profile | RAM, MB | flash, MB | why.
profiles() {
  cat <<TABLE
gl-mt6000|mediatek/filogic|glinet_gl-mt6000|1024|8192|Wi-Fi 6, room for everything
r7800|ipq806x/generic|netgear_r7800|512|128|Wi-Fi 5, NAND
r6220|ramips/mt7621|netgear_r6220|128|128|the least: some 20 sessions, NAND
TABLE
}

# Image and overlay compressed, MB: OpenWrt with LuCI some 9, Python and its libraries some 13, ours 0.6, records 4.
needed_flash_mb=27
packages=(-wpad-basic-mbedtls wpad-openssl luci luci-app-airgrant airgrant-apd)

name=${1:-}
if [ -z "$name" ]; then
  profiles
  exit
fi
IFS='|' read -r _ target profile ram flash why < <(profiles | grep "^$name|") || {
  echo "profiles: there is no router '$name' in the table" >&2
  exit 2
}
echo "# $why; target $target, $ram MB of RAM, $flash MB of flash (of which $needed_flash_mb are needed)"
echo "make image PROFILE=$profile PACKAGES='${packages[*]}'"
