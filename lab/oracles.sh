#!/usr/bin/env bash
# lab/oracles.sh: what tests ask of other people's programs, fetched and built side by side: their sandbox has no network.
#
# At once and silent when everything is there. What cannot be had is said here, and again by each test that misses it, which
# fails with CI=true; so the exit status is 0 all the same.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

for what in --go --evm --images; do lab/set-up.sh $what; done # first, as there is one apt

trap 'kill $(jobs -p) 2>/dev/null' EXIT
lab/go.sh build &                   # codecs, network functions, CometBFT, readers of manifests
lab/evm.sh build &                  # the Solidity twin and its node
images/debian/root.sh build &       # a clean Debian, in which packages are installed and run
images/openwrt/libraries.sh build & # Python's libraries of OpenWrt's releases
tests/oracles/uci/build.sh build &  # OpenWrt's own uci
images/containers/fetch.sh &        # what container images are made of
wait
exit 0
